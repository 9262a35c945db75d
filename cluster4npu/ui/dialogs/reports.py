"""Saving a run as a report, off the window's thread."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from cluster4npu.core.report import ReportGenerator
from cluster4npu.core.store import RunRecord, Store
from cluster4npu.ui.dialogs.background import Background, Report
from cluster4npu.ui.text import tr

FILTERS = "Web page (*.html);;PDF (*.pdf);;Markdown (*.md)"


class ReportSaver(QObject):
    """Asks for a file and writes the report there. `saved` carries the path, `failed` the error."""

    saved = Signal(str)
    failed = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._widget = parent
        self._work: Background | None = None

    def ask(self, store: Path, run_id: str, record: RunRecord | None = None) -> None:
        """Ask where to save the report of a run, and save it there; `record`: the run, where no store has it."""
        chosen, used = QFileDialog.getSaveFileName(
            self._widget, tr("Save report"), tr("report-{0}.html").format(run_id[:16]), FILTERS
        )
        if chosen:
            path, ending = Path(chosen), next((e for e in (".md", ".pdf") if e in used), ".html")
            self.save(store, run_id, path if path.suffix else path.with_name(path.name + ending), record)

    def save(self, store: Path, run_id: str, path: Path, record: RunRecord | None = None) -> None:
        """Write the report of a run; its end is told by a signal."""

        def work(_report: Report) -> object:
            if record is None:
                ReportGenerator(Store(store)).generate_performance_report(run_id, path)
                return str(path)
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                own = Store(Path(folder) / "results.duckdb")
                ReportGenerator(own).generate_performance_report(own.save(record), path)
            return str(path)

        if self._work is not None:
            return
        self._work = Background(work, "save-report")
        self._work.succeeded.connect(self._succeeded)
        self._work.failed.connect(self._failed)
        self._work.start()

    @Slot(object)
    def _succeeded(self, path: str) -> None:
        self._work = None
        self.saved.emit(path)

    @Slot(object)
    def _failed(self, error: BaseException) -> None:
        self._work = None
        self.failed.emit(error)
