"""A short word in a coloured frame: a state, a warning, SIMULATED."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QStyle, QStyleOption, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.text import told, tr

_SIDE = 7  # frame and padding, in pixels


class Chip(QLabel):
    """One word whose frame and text have the colour of a status; hidden while it has nothing to say.

    `role` is the name of a colour of `theme.Colors`: "ok", "warn", "fail", "simulated", "accent", "muted".
    """

    def __init__(self, text: str = "", role: str = "muted", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._role = role
        theme.changes().changed.connect(self._dress)
        if not text:
            self.hide()  # but never `show` here: without a parent that opens a window
        self._dress()

    def show_word(self, text: str, role: str) -> None:
        """Show another word, in the user's language; "" hides the chip."""
        self.setText(told(text) if " " in text else tr(text))
        self.setVisible(bool(text))
        if role != self._role:  # to set a style takes a millisecond
            self._role = role
            self._dress()

    def _dress(self) -> None:
        color = getattr(theme.colors(), self._role)
        self.setStyleSheet(
            f"color: {color}; border: 1px solid {color}; border-radius: 4px;"
            "padding: 1px 6px; font-weight: 600;"
        )


class ElidedChip(Chip):
    """A chip that shortens its words with an ellipsis where there is no room; its tool tip tells all of them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent=parent)
        self.explanation = ""  # the tool tip while the words are seen whole
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(48, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, option = QPainter(self), QStyleOption()
        option.initFrom(self)
        self.style().drawPrimitive(QStyle.PrimitiveElement.PE_Widget, option, painter, self)
        room = self.rect().adjusted(_SIDE, 0, -_SIDE, 0)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter), shown)
        cut = shown != self.text()
        self.setToolTip("\n".join(filter(None, (self.text() if cut else "", self.explanation))))


def simulated_chip() -> Chip:
    """Return the chip that stands wherever numbers of simulated devices are shown."""
    chip = Chip(tr("SIMULATED"), "simulated")
    chip.setToolTip(_simulated())
    return chip


def elided_simulated_chip() -> ElidedChip:
    """Return the same for a place that may be too narrow for it."""
    chip = ElidedChip()
    chip.show_word("SIMULATED", "simulated")
    chip.explanation = _simulated()
    return chip


def _simulated() -> str:
    return tr("These figures come from simulated devices. They say nothing about real hardware.")
