"""The tour of the first start: five steps beside what they speak of. Skipped with Escape, and never shown again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.dialogs import looks
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.enter import pressed_by_enter
from cluster4npu.ui.text import tr

_WIDTH, _MARGIN = 340, 14


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is said, and beside what; `widget` is asked when the step is shown."""

    title: str
    text: str
    widget: Callable[[], QWidget]


class Tour(QFrame):
    """A card over the window that leads through the steps. `ended` tells that it was read or skipped."""

    ended = Signal()

    def __init__(self, window: QWidget, steps: list[Step]) -> None:
        super().__init__(window)
        self.setObjectName("Tour")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._steps, self.at = steps, 0
        self.count = plain_label(wrap=False)
        theme.give_role(self.count, "muted")
        self.title = plain_label(wrap=False)
        theme.give_role(self.title, "heading")
        self.text = plain_label()
        self.skip, self.back, self.next = (
            QPushButton(tr("Skip")),
            QPushButton(tr("Back")),
            QPushButton(tr("Next")),
        )
        looks.primary(self.next)
        self.skip.clicked.connect(self.end)
        self.back.clicked.connect(lambda: self.show_step(self.at - 1))
        self.next.clicked.connect(lambda: self.show_step(self.at + 1))
        buttons = QHBoxLayout()
        buttons.addWidget(self.skip)
        buttons.addStretch(1)
        buttons.addWidget(self.back)
        buttons.addWidget(self.next)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        for label in (self.count, self.title, self.text):
            layout.addWidget(label)
        layout.addLayout(buttons)
        theme.changes().changed.connect(self._dress)
        self._dress()

    def show_step(self, number: int) -> None:
        """Show one step; past the last one the tour is over."""
        if number >= len(self._steps):
            self.end()
            return
        self.at = max(0, number)
        step = self._steps[self.at]
        self.count.setText(tr("{0} of {1}").format(self.at + 1, len(self._steps)))
        self.title.setText(tr(step.title))
        self.text.setText(tr(step.text))
        self.back.setEnabled(self.at > 0)
        self.next.setText(tr("Done") if self.at == len(self._steps) - 1 else tr("Next"))
        self.setAccessibleName(tr("Tour, step {0}: {1}").format(self.at + 1, tr(step.title)))
        self.setAccessibleDescription(tr(step.text))
        self._place(step.widget())
        self.show()
        self.raise_()
        self.next.setFocus()

    def end(self) -> None:
        """Hide the tour for good."""
        self.hide()
        self.ended.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.end()
        elif not pressed_by_enter(self, event):
            super().keyPressEvent(event)

    def _place(self, beside: QWidget) -> None:
        """Stand beside a widget, inside the window."""
        around = self.parentWidget()
        assert around is not None
        layout = self.layout()
        assert layout is not None
        self.resize(_WIDTH, max(self.sizeHint().height(), layout.totalHeightForWidth(_WIDTH)))
        corner = beside.mapTo(around, QPoint(0, 0)) if around.isAncestorOf(beside) else QPoint(0, 0)
        right = corner.x() + beside.width() + _MARGIN
        x = right if right + _WIDTH < around.width() else corner.x() - _WIDTH - _MARGIN
        x = max(_MARGIN, min(x, around.width() - _WIDTH - _MARGIN))
        y = max(_MARGIN, min(corner.y() + _MARGIN, around.height() - self.height() - _MARGIN))
        self.move(x, y)

    def _dress(self) -> None:
        c = theme.colors()
        self.setStyleSheet(
            f"#Tour {{ background: {c.raised}; border: 2px solid {c.accent}; border-radius: 8px; }}"
        )
