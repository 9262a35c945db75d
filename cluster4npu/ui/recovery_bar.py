"""Offers what a killed program had not saved, one pipeline after the other, above whatever page is shown."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.dialogs import looks
from cluster4npu.ui.recovery import Lost
from cluster4npu.ui.text import tr


class RecoveryBar(QFrame):
    """`recover_asked` and `discard_asked` carry a Lost; `drop` takes it out of the offer."""

    recover_asked = Signal(object)
    discard_asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("RecoveryBar")
        self._offered: list[Lost] = []
        self.label = QLabel(textFormat=Qt.TextFormat.PlainText, wordWrap=True)
        self.recover = QPushButton(tr("Recover"))
        looks.primary(self.recover)
        self.discard = QPushButton(tr("Discard"))
        later = QToolButton()
        later.setText("✕")
        later.setAutoRaise(True)
        later.setToolTip(tr("Ask again at the next start"))
        later.setAccessibleName(tr("Ask again at the next start"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 6, 6, 6)
        layout.addWidget(self.label, 1)
        for button in (self.recover, self.discard, later):
            layout.addWidget(button)
        self.recover.clicked.connect(lambda: self.recover_asked.emit(self._offered[0]))
        self.discard.clicked.connect(lambda: self.discard_asked.emit(self._offered[0]))
        later.clicked.connect(lambda: self.drop(self._offered[0]))
        theme.changes().changed.connect(self._dress)
        self._dress()
        self.hide()

    def offer(self, lost: Sequence[Lost]) -> None:
        """Show the first of these; the others follow."""
        self._offered = list(lost)
        self._show()

    def drop(self, lost: Lost) -> None:
        """Take one out and show the next."""
        self._offered = [other for other in self._offered if other is not lost]
        self._show()

    def _show(self) -> None:
        self.setVisible(bool(self._offered))
        if not self._offered:
            return
        lost = self._offered[0]
        when = lost.when().strftime("%d %b %H:%M:%S")
        more = len(self._offered) - 1
        text = tr("“{0}” has edits of {1} that were not saved when the program ended.").format(
            lost.name, when
        )
        text += (
            " " + tr("Its file was changed after that; Save as keeps both.") if lost.file_is_newer() else ""
        )
        text += " " + tr("And {0} more.").format(more) if more else ""
        self.label.setText(text)
        self.setAccessibleName(text)

    def _dress(self) -> None:
        c = theme.colors()
        self.setStyleSheet(
            f"#RecoveryBar {{ background: {c.raised}; border: 1px solid {c.accent};"
            f"border-left: 5px solid {c.accent}; border-radius: 4px; }}"
        )
