"""Third page: what the pipeline shall reach; both goals may be left open."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QFrame, QGridLayout, QWidget

from cluster4npu.core.pipeline.config import Targets
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs import looks
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.looks import text_indent
from cluster4npu.ui.text import tr
from cluster4npu.ui.wizard.draft import Draft
from cluster4npu.ui.wizard.page import Page


class Goal(QFrame):
    """One optional figure: a box to tick, a number with its unit, and what it means."""

    def __init__(self, title: str, unit: str, value: float, high: float, meaning: str) -> None:
        super().__init__()
        looks.card(self)
        self.check = QCheckBox(tr(title))
        self.check.setObjectName("GoalTitle")
        self.number = QDoubleSpinBox()
        self.number.setRange(0.1, high)
        self.number.setDecimals(1)
        self.number.setValue(value)
        self.number.setSuffix(f" {tr(unit)}")
        self.number.setMinimumWidth(170)
        self.number.setAccessibleName(tr(title))
        self.number.setEnabled(False)
        self.check.toggled.connect(self.number.setEnabled)
        text = plain_label(meaning)
        theme.give_role(text, "muted")
        text.setContentsMargins(text_indent(self.check), 0, 0, 0)
        grid = QGridLayout(self)
        grid.setContentsMargins(14, 12, 14, 12)
        grid.addWidget(self.check, 0, 0)
        grid.addWidget(self.number, 0, 1)
        grid.addWidget(text, 1, 0, 1, 2)
        grid.setColumnStretch(0, 1)

    def value(self) -> float | None:
        """Return the figure, or None where none is asked for."""
        return self.number.value() if self.check.isChecked() else None


class PerformanceTargetsPage(Page):
    """Chooses goals."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(
            draft,
            "What shall it reach?",
            "Both goals are optional. They do not change how the pipeline runs: its figures are held "
            "against them.",
        )
        self.fps = Goal(
            "Frame rate of at least",
            "frames/s",
            30.0,
            100_000.0,
            "For a camera, the rate at which it delivers; for files, how fast you want to be through.",
        )
        self.latency = Goal(
            "95% of the frames within",
            "ms",
            100.0,
            3_600_000.0,
            "End to end: from the moment a frame is due until its result is handed on (p95).",
        )
        for goal in (self.fps, self.latency):
            self.body.addWidget(goal)
            goal.check.toggled.connect(self._edited)
            goal.number.valueChanged.connect(self._edited)
        self.body.addStretch(1)
        QWidget.setTabOrder(self.fps.check, self.fps.number)

    def missing(self) -> str:
        return ""

    @Slot()
    def _edited(self) -> None:
        self.draft.targets = Targets(fps=self.fps.value(), latency_p95_ms=self.latency.value())
        self.refresh()
