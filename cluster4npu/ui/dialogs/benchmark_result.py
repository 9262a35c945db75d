"""Third step of a benchmark: the number, and what stands behind it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from cluster4npu.core.bench import BenchmarkResult
from cluster4npu.core.store import RunRecord, Store
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.background import Background, Report
from cluster4npu.ui.dialogs.comparison import Comparison
from cluster4npu.ui.dialogs.comparison_view import ComparisonView
from cluster4npu.ui.dialogs.errors import ProblemBox, plain_label, problems_of
from cluster4npu.ui.dialogs.reports import ReportSaver
from cluster4npu.ui.text import tr


class ResultStep(QWidget):
    """Shows a result; `run_id` is "" while there is none, or when it was not stored.

    `unstored` is the run that the store refused: it can be stored again, and reported without. `changed` tells
    that one of both is another now.
    """

    changed = Signal()

    def __init__(self, store: Path | None) -> None:
        super().__init__()
        self._store = store
        self.run_id = ""
        self.unstored: RunRecord | None = None
        self._storing: Background | None = None
        self.view = ComparisonView()
        self.saver = ReportSaver(self)
        self.saver.saved.connect(self._saved)
        self.saver.failed.connect(self._failed)
        self.problems = ProblemBox()
        self.message = plain_label()
        theme.give_role(self.message, "muted")
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(tr("Result"))
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

    def show_result(self, result: BenchmarkResult, unstored: RunRecord | None = None) -> None:
        """Show a finished benchmark."""
        self.unstored = unstored
        self.run_id = result.run_id if self._store else ""
        self.view.show_comparison(Comparison.of(result.as_dict()))
        self.problems.show_problems([])
        self.message.setText(
            tr("Stored as run {0}.").format(self.run_id) if self.run_id else tr("This result was not stored.")
        )

    @Slot()
    def save_report(self) -> None:
        """Ask for a file and write the report there."""
        run_id = self.unstored.id if self.unstored is not None else self.run_id
        if self._store is not None and run_id:
            self.saver.ask(self._store, run_id, self.unstored)

    @Slot()
    def store_again(self) -> None:
        """Try once more to store what the store refused; the result stays here in any case."""
        path, record = self._store, self.unstored
        if path is None or record is None or self._storing is not None:
            return

        def work(_report: Report) -> object:
            return Store(path).save(record)

        self.message.setText(tr("Storing …"))
        self._storing = Background(work, "store-benchmark")
        self._storing.succeeded.connect(self._stored)
        self._storing.failed.connect(self._not_stored)
        self._storing.start()

    @Slot(object)
    def _stored(self, run_id: str) -> None:
        self._storing, self.unstored, self.run_id = None, None, run_id
        self.problems.show_problems([])
        self.message.setText(tr("Stored as run {0}.").format(run_id))
        self.changed.emit()

    @Slot(object)
    def _not_stored(self, error: BaseException) -> None:
        self._storing = None
        self.message.setText(tr("This result was not stored."))
        self.problems.show_problems(problems_of(error, "the result could not be stored"))
        self.changed.emit()

    @Slot(str)
    def _saved(self, path: str) -> None:
        self.problems.show_problems([])
        self.message.setText(tr("Report saved: {0}").format(path))

    @Slot(object)
    def _failed(self, error: BaseException) -> None:
        self.problems.show_problems(problems_of(error, "the report could not be saved"))
