"""Third step of a benchmark: the number, and what stands behind it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from cluster4npu.core.bench import BenchmarkResult
from cluster4npu.ui.dialogs.comparison import Comparison
from cluster4npu.ui.dialogs.comparison_view import ComparisonView
from cluster4npu.ui.dialogs.errors import ProblemBox, plain_label, problems_of
from cluster4npu.ui.dialogs.reports import ReportSaver


class ResultStep(QWidget):
    """Shows a result; `run_id` is "" while there is none, or when it was not stored."""

    def __init__(self, store: Path | None) -> None:
        super().__init__()
        self._store = store
        self.run_id = ""
        self.view = ComparisonView()
        self.saver = ReportSaver(self)
        self.saver.saved.connect(self._saved)
        self.saver.failed.connect(self._failed)
        self.problems = ProblemBox()
        self.message = plain_label()
        self.message.setProperty("role", "muted")
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName("Result")
        inner = QWidget()
        inside = QVBoxLayout(inner)
        inside.setContentsMargins(0, 0, 6, 0)
        inside.addWidget(self.view)
        inside.addStretch(1)
        area.setWidget(inner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area, 1)
        layout.addWidget(self.problems)
        layout.addWidget(self.message)

    def show_result(self, result: BenchmarkResult) -> None:
        """Show a finished benchmark."""
        self.run_id = result.run_id if self._store else ""
        self.view.show_comparison(Comparison.of(result.as_dict()))
        self.problems.show_problems([])
        self.message.setText(
            f"Stored as run {self.run_id}." if self.run_id else "This result was not stored."
        )

    @Slot()
    def save_report(self) -> None:
        """Ask for a file and write the report there."""
        if self._store is not None and self.run_id:
            self.saver.ask(self._store, self.run_id)

    @Slot(str)
    def _saved(self, path: str) -> None:
        self.problems.show_problems([])
        self.message.setText(f"Report saved: {path}")

    @Slot(object)
    def _failed(self, error: BaseException) -> None:
        self.problems.show_problems(problems_of(error, "the report could not be saved"))
