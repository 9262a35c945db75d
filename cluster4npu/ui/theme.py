"""The looks of the window: Fusion with our own palette, in light and dark."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication, QWidget

MODES = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class Colors:
    """Every colour of the window, as "#rrggbb". A status is also told by a word, never by colour alone."""

    dark: bool
    window: str  # behind panels
    surface: str  # lists, fields, canvas
    raised: str  # cards, buttons
    border: str
    text: str
    muted: str  # second-rank text; still 4.5:1 on `window`
    accent: str
    on_accent: str  # text on `accent`
    ok: str
    warn: str
    fail: str
    simulated: str
    series: tuple[
        str, ...
    ]  # lines of charts, in order of use (after Okabe and Ito; safe for colour-blind readers)
    ports: dict[str, str]  # by PortType.value
    categories: dict[str, str]  # title bars of nodes, by Node.category; white text is readable on each

    def port(self, port_type: str) -> str:
        """Return the colour of what flows along a wire (a PortType's value)."""
        return self.ports.get(port_type, self.muted)

    def category(self, name: str) -> str:
        """Return the colour of a node's title bar."""
        return self.categories.get(name, "#5b6675")

    def line(self, index: int) -> str:
        """Return the colour of the `index`-th line of a chart."""
        return self.series[index % len(self.series)]


_CATEGORIES = {
    "Sources": "#0a5f94",
    "Preprocessing": "#8a5a00",
    "Inference": "#8c3f73",
    "Postprocessing": "#00684c",
    "Vision": "#7a3e1d",
    "Logic": "#4b4a9c",
    "Outputs": "#4a5568",
}

LIGHT = Colors(
    dark=False,
    window="#f3f4f7",
    surface="#ffffff",
    raised="#ffffff",
    border="#d3d8e0",
    text="#1c2430",
    muted="#566172",
    accent="#0b63bd",
    on_accent="#ffffff",
    ok="#14734a",
    warn="#8f5a00",
    fail="#b92f17",
    simulated="#6d44a8",
    series=("#0072b2", "#d55e00", "#009e73", "#b0578d", "#3b93c9", "#c98500", "#666666"),
    ports={
        "frame": "#0072b2",
        "tensor": "#c98500",
        "outputs": "#b0578d",
        "detections": "#009e73",
        "tracks": "#2f7d4f",
        "classes": "#d55e00",
    },
    categories=_CATEGORIES,
)

DARK = Colors(
    dark=True,
    window="#1d2127",
    surface="#15181d",
    raised="#272c34",
    border="#3b424d",
    text="#e7eaef",
    muted="#a0abba",
    accent="#58a6ff",
    on_accent="#071423",
    ok="#4cc38a",
    warn="#f0b429",
    fail="#ff8069",
    simulated="#c0a0f5",
    series=("#56b4e9", "#e69f00", "#2bc198", "#cc79a7", "#f0e442", "#e8743b", "#b8b8b8"),
    ports={
        "frame": "#56b4e9",
        "tensor": "#e69f00",
        "outputs": "#cc79a7",
        "detections": "#2bc198",
        "tracks": "#8fd46a",
        "classes": "#e8743b",
    },
    categories=_CATEGORIES,
)


# Fusion draws their outlines in a darker shade of the window's colour, which cannot be seen on a dark window.
_OUTLINED = ("QAbstractButton", "QLineEdit", "QAbstractSpinBox", "QComboBox")


_SIZES = {"title": 20.0, "heading": 12.0, "subheading": 10.0, "figure": 18.0}  # in points


class _Theme(QObject):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.mode = "system"
        self.colors = LIGHT
        self.follows: QApplication | None = None


_theme = _Theme()


def colors() -> Colors:
    """Return the colours in use now. Ask again after `changes().changed`; do not keep them."""
    return _theme.colors


def changes() -> _Theme:
    """Return the object whose signal `changed` tells that `colors()` are others now."""
    return _theme


def mode() -> str:
    """Return "system", "light" or "dark", as it was asked for."""
    return _theme.mode


def rgb(color: str) -> tuple[int, int, int]:
    """Return "#rrggbb" as three numbers of 0..255."""
    value = QColor(color)
    return value.red(), value.green(), value.blue()


def faded(color: str) -> QColor:
    """Return the colour of what cannot be used now."""
    value = QColor(color)
    value.setAlpha(130)
    return value


def give_role(widget: QWidget, role: str) -> None:
    """Give a text its looks: "title", "heading", "subheading", "figure" or "muted" ("": as it is).

    By font and palette: with a sheet over the whole program Qt dresses every widget anew when colours change.
    """
    widget.setProperty("role", role)
    if role == "muted":
        widget.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    elif role:
        font = widget.font()
        font.setPointSizeF(_SIZES[role])
        font.setWeight(QFont.Weight.DemiBold)
        widget.setFont(font)


def apply_theme(app: QApplication, mode: str = "system") -> None:
    """Dress the application: "light", "dark", or as the desktop says ("system"; followed when it changes)."""
    hints = app.styleHints()
    if _theme.follows is not app:
        _theme.follows = app
        app.setStyle("Fusion")
        hints.colorSchemeChanged.connect(_follow_system)
    _theme.mode = mode if mode in MODES else "system"
    if _theme.mode == "system":
        hints.unsetColorScheme()
    else:  # for the title bar and native dialogs, where the desktop allows it
        hints.setColorScheme(Qt.ColorScheme.Dark if mode == "dark" else Qt.ColorScheme.Light)
    _dress(app)


def _follow_system() -> None:
    if _theme.mode == "system" and _theme.follows is not None:
        _dress(_theme.follows)


def _dress(app: QApplication) -> None:
    dark = _theme.mode == "dark"
    if _theme.mode == "system":
        dark = app.styleHints().colorScheme() == Qt.ColorScheme.Dark
    _theme.colors = DARK if dark else LIGHT
    app.setPalette(_palette(_theme.colors))
    app.setPalette(_palette(_theme.colors), "QTipLabel")  # type: ignore[arg-type]
    for name in _OUTLINED:
        app.setPalette(_outlined(_theme.colors), name)  # type: ignore[arg-type]  # it takes a str; the stub errs
    _theme.changed.emit()


def _palette(c: Colors) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for name, color in {
        role.Window: c.window,
        role.WindowText: c.text,
        role.Base: c.surface,
        role.AlternateBase: c.window,
        role.Text: c.text,
        role.PlaceholderText: c.muted,
        role.Button: c.raised,
        role.ButtonText: c.text,
        role.BrightText: c.fail,
        role.ToolTipBase: c.raised,
        role.ToolTipText: c.text,
        role.Highlight: c.accent,
        role.HighlightedText: c.on_accent,
        role.Link: c.accent,
        role.LinkVisited: c.accent,
        role.Accent: c.accent,
        role.Light: c.raised,
        role.Midlight: c.border,
        role.Mid: c.border,
        role.Dark: c.border,
    }.items():
        palette.setColor(name, QColor(color))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, faded(c.muted))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(c.border))
    return palette


def _outlined(c: Colors) -> QPalette:
    """Return the palette of small controls, whose own background is never painted in the window's colour."""
    palette = _palette(c)
    if c.dark:
        palette.setColor(QPalette.ColorRole.Window, QColor(c.muted))
    return palette


def swatch(color: str) -> QIcon:
    """Return a small square of this colour, as an icon."""
    pixmap = QPixmap(32, 32)
    pixmap.setDevicePixelRatio(2.0)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(color))
    painter.drawRoundedRect(3, 3, 10, 10, 3, 3)
    painter.end()
    return QIcon(pixmap)
