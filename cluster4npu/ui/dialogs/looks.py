"""Looks that follow the theme: a widget's own small style sheet, written anew when the colours change."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Slot
from PySide6.QtWidgets import QAbstractButton, QFrame, QPushButton, QRadioButton, QStyle, QWidget

from cluster4npu.ui import theme

Sheet = Callable[[theme.Colors], str]


class _Follower(QObject):
    """Lives as long as its widget: a closed dialog is not dressed any more, and what is hidden when it is shown."""

    def __init__(self, widget: QWidget, sheet: Sheet) -> None:
        super().__init__(widget)
        self._widget = widget
        self._sheet = sheet
        theme.changes().changed.connect(self.follow)
        self._dress()

    @Slot()
    def follow(self) -> None:
        if self._widget.isVisible():
            self._dress()
        else:
            self._widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self._widget.removeEventFilter(self)
            self._dress()
        return False

    def _dress(self) -> None:
        self._widget.setStyleSheet(self._sheet(theme.colors()))


def dress(widget: QWidget, sheet: Sheet) -> None:
    """Give the widget a style sheet made from the colours in use, now and whenever they change."""
    _Follower(widget, sheet)


def card(frame: QFrame) -> None:
    """Draw a frame as a card."""
    frame.setProperty("role", "card")
    dress(
        frame,
        lambda c: (
            'QFrame[role="card"] '
            f"{{ background: {c.surface}; border: 1px solid {c.border}; border-radius: 8px; }}"
        ),
    )


def primary(button: QPushButton) -> None:
    """Draw a button as the one that is pressed mostly."""
    dress(button, _primary)


def _primary(c: theme.Colors) -> str:
    return f"""
        QPushButton {{ background: {c.accent}; color: {c.on_accent}; border: 1px solid {c.accent};
                       border-radius: 4px; padding: 6px 16px; font-weight: 600; }}
        QPushButton:disabled {{ background: {c.border}; color: {c.muted}; border-color: {c.border}; }}
        QPushButton:focus {{ border: 2px solid {c.text}; }}
    """


def text_indent(button: QAbstractButton) -> int:
    """Return where the text of a check box or radio button begins, in pixels, to align what stands under it."""
    metric = QStyle.PixelMetric
    radio = isinstance(button, QRadioButton)
    parts = (
        metric.PM_ExclusiveIndicatorWidth if radio else metric.PM_IndicatorWidth,
        metric.PM_RadioButtonLabelSpacing if radio else metric.PM_CheckBoxLabelSpacing,
    )
    return sum(button.style().pixelMetric(part, None, button) for part in parts)


def set_role(widget: QWidget, name: str, value: str) -> None:
    """Set a property that style sheets select by, and let them look again."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
