"""One change that the assistant knows: what it is, what is predicted of it, and the button that makes it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from cluster4npu.core.predict.what_if import PACE, READING, WhatIf
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.chip import Chip
from cluster4npu.ui.dashboard.numbers import figure
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.text import told, tr


class ChangeRow(QFrame):
    """Shows one WhatIf. `wanted` asks for it to be made; what brings nothing or can be no edit has no button."""

    wanted = Signal(object)

    def __init__(self, change: WhatIf, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.change = change
        title, figures = plain_label(change.text), plain_label(predicted(change))
        theme.give_role(title if change.worth_it else figures, "" if change.worth_it else "muted")
        if change.worth_it:
            theme.give_role(title, "subheading")
        self.button = QPushButton(tr("Apply"))
        self.button.setAccessibleName(tr("Apply: {0}").format(told(change.text)))
        self.button.setVisible(change.worth_it and bool(change.param))
        self.button.clicked.connect(lambda: self.wanted.emit(change))
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(title)
        words.addWidget(figures)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 3, 0, 3)
        layout.setSpacing(10)
        layout.addLayout(words, 1)
        layout.addWidget(Chip(tr("predicted"), "accent"))
        layout.addWidget(self.button)

    def allow(self, allowed: bool, why_not: str) -> None:
        """Let the button be pressed, or say in its tool tip why it cannot."""
        self.button.setEnabled(allowed)
        self.button.setToolTip(tr("One step of undo takes it back.") if allowed else why_not)


def predicted(change: WhatIf) -> str:
    """Say what is predicted of a change, with the measured rate beside it."""
    limit = change.limit
    holds = tr("Then {0} holds it back.").format(tr(limit) if limit in (READING, PACE) else limit)
    now, fps, low, high = (figure(v) for v in (change.now, change.fps, change.low, change.high))
    if not change.worth_it:
        return tr("No gain: {0} FPS measured, {1} FPS with it. {2}").format(now, fps, holds)
    if change.at_most:
        text = tr(
            "{0} FPS measured, at most {1} FPS with it: workers on one device share it, so it may be nothing. "
            "The next run measures it."
        )
        return text.format(now, high)
    text = tr("{0} FPS measured, {1} FPS with it (95%: {2} to {3}).").format(now, fps, low, high)
    return text if limit == change.node else f"{text} {holds}"
