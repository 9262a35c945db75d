"""History: the stored runs in a table, the chosen one beside it. The store is never opened on the window's thread."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QItemSelection, Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.compare import Comparison, Trend, compare_runs, trend_of
from cluster4npu.core.errors import StoreError
from cluster4npu.core.store import RunRecord, RunRow, SegmentRecord, Store
from cluster4npu.ui import theme
from cluster4npu.ui.charts import AdvancedChartComponents, PerformanceTrendChart
from cluster4npu.ui.dialogs.background import Background, Report
from cluster4npu.ui.dialogs.errors import ProblemBox, plain_label, problems_of
from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.dialogs.reports import ReportSaver
from cluster4npu.ui.history.compare import ComparisonDialog
from cluster4npu.ui.history.details import RunDetails
from cluster4npu.ui.history.filters import FilterBar, choices_of
from cluster4npu.ui.history.pane import RunPane
from cluster4npu.ui.history.rows import Cells, RunsModel, cells
from cluster4npu.ui.history.table import RunsTable
from cluster4npu.ui.text import tr
from cluster4npu.ui.theme import Colors

LIMIT = 10_000
MOST_FRAMES = 300_000  # that the charts of one run take
_log = logging.getLogger(__name__)
EMPTY = "No results yet. Run a benchmark."


@dataclass(frozen=True, slots=True)
class Listed:
    """What a thread has read and made ready of the store."""

    rows: list[RunRow]
    cells: Cells
    choices: dict[str, list[str]]
    notices: tuple[str, ...]


class HistoryPage(QWidget):
    """The stored runs of one store. Call `refresh` when something was stored."""

    def __init__(self, store_path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("HistoryPage")
        self._store = Path(store_path)
        self._listing: Background | None = None
        self._reading: Background | None = None
        self._stale = False
        self._comparing: Background | None = None
        self._wanted = ""
        self.run_id = ""
        self.model = RunsModel()
        self.table = RunsTable(self.model)
        self.pane = RunPane()
        self.run_problems, self.message = self.pane.problems, self.pane.message
        self.report_button, self.copy_button = self.pane.report_button, self.pane.copy_button
        self.compare_button = self.pane.compare_button
        self.filters = FilterBar()
        self.saver = ReportSaver(self)
        self._lay_out()
        self.filter.textChanged.connect(self.model.set_filter)
        self.filters.changed.connect(self._narrowed)
        self.pane.picked.connect(self.show_run)
        self.model.modelReset.connect(self._rearranged)
        self.refresh_button.clicked.connect(self.refresh)
        self.retry_button.clicked.connect(self.refresh)
        self.report_button.clicked.connect(self._save_report)
        self.copy_button.clicked.connect(self._copy_id)
        self.compare_button.clicked.connect(self.compare)
        self.table.selectionModel().selectionChanged.connect(self._selected)
        self.saver.saved.connect(self._report_saved)
        self.saver.failed.connect(self._report_failed)
        dress(self, _sheet)
        self.refresh()

    @property
    def details(self) -> RunDetails:
        """Return the figures of the chosen run."""
        return self.pane.details

    @property
    def charts(self) -> AdvancedChartComponents:
        """Return the charts of the chosen run."""
        return self.pane.charts

    @property
    def trend(self) -> PerformanceTrendChart:
        """Return the chart of the runs like the chosen one."""
        return self.charts.trend

    @property
    def loading(self) -> bool:
        """Tell whether the list is being read."""
        return self._listing is not None

    @Slot()
    def refresh(self) -> None:
        """Read the list again, in the background; the chosen run stays chosen."""
        self._stale = self.loading
        if self.loading:
            return
        store = self._store

        def work(_report: Report) -> object:
            if not store.exists():  # looking must not make a file
                return Listed([], cells([]), {}, ())
            with Store(store) as opened:
                rows = opened.runs(limit=LIMIT)
                return Listed(rows, cells(rows), choices_of(rows), tuple(opened.notices))

        self.refresh_button.setEnabled(False)
        self.retry_button.setEnabled(False)
        self._wanted = self._wanted or self.run_id
        self._listing = Background(work, "list-runs")
        self._listing.succeeded.connect(self._listed)
        self._listing.failed.connect(self._list_failed)
        self._listing.start()

    def show_run(self, run_id: str) -> None:
        """Choose this run; the list is read again first."""
        self._wanted = run_id
        self.filter.clear()
        self.filters.clear()
        self.refresh()

    @Slot(object)
    def _listed(self, found: Listed) -> None:
        self._listing = None
        if self._stale:  # something was stored while this list was read
            self.refresh()
            return
        self.refresh_button.setEnabled(True)
        self.retry_button.setEnabled(True)
        self.notice.setText("\n".join(found.notices))
        self.notice.setVisible(bool(found.notices))
        self.filters.offer(found.choices)
        self.model.show_rows(found.rows, found.cells)
        self._pages.setCurrentWidget(self._content if found.rows else self._empty)

    @Slot(object)
    def _list_failed(self, error: BaseException) -> None:
        self._listing = None
        self.refresh_button.setEnabled(True)
        self.retry_button.setEnabled(True)
        self.list_problems.show_problems(problems_of(error, "the stored runs cannot be read"))
        self._pages.setCurrentWidget(self._broken)

    @Slot(QItemSelection, QItemSelection)
    def _selected(self, _now: QItemSelection, _before: QItemSelection) -> None:
        number = self.table.chosen()
        self.compare_button.setEnabled(len(self.table.all_chosen()) > 1 and self._comparing is None)
        run = None if number is None else self.model.rows[number]
        if run is None or run.id != self.run_id or self.run_problems.isVisible():
            self._show(run)

    def _show(self, run: RunRow | None) -> None:
        if self._reading is not None:
            self._reading.abandon()
            self._reading = None
        self.run_id = run.id if run else ""
        self.pane.begin(chosen=run is not None)
        if run is None:
            self.pane.show_none()
            return
        store, run_id, rows = self._store, self.run_id, self.model.every

        def work(_report: Report) -> object:
            opened = Store(store)
            record = opened.run(run_id)
            return record, _frames(opened, record), trend_of(rows, run_id)

        self._reading = Background(work, "read-run")
        self._reading.succeeded.connect(self._read)
        self._reading.failed.connect(self._read_failed)
        self._reading.start()

    @Slot(object)
    def _read(self, found: tuple[RunRecord, tuple[SegmentRecord, ...], Trend | None]) -> None:
        self._reading = None
        self.pane.show_run(*found)

    @Slot()
    def _narrowed(self) -> None:
        self.model.narrow(self.filters.rule())

    @Slot(object)
    def _read_failed(self, error: BaseException) -> None:
        self._reading = None
        self.pane.fail(problems_of(error, "this run cannot be read"))

    @Slot(str)
    def _report_saved(self, path: str) -> None:
        self.run_problems.show_problems([])
        self.message.setText(tr("Report saved: {0}").format(path))

    @Slot(object)
    def _report_failed(self, error: BaseException) -> None:
        self.run_problems.show_problems(problems_of(error, "the report could not be saved"))

    @Slot()
    def _rearranged(self) -> None:
        """Choose again what was chosen before the list changed, or else its first run."""
        self._count()
        number = self.model.place(self._wanted or self.run_id)
        self._wanted = ""
        if self.model.rows:
            self.table.choose(number or 0)
        else:
            self._show(None)

    def _count(self) -> None:
        shown, every = len(self.model.rows), len(self.model.every)
        limit = tr(" (the newest {0:,})").format(LIMIT) if every >= LIMIT else ""
        if every and not shown:
            self.count.setText(tr("No run fits the filter."))
        elif shown == every:
            self.count.setText(
                tr("{0:,} run{1}{2}").format(every, "s" * (every != 1), limit) if every else ""
            )
        else:
            self.count.setText(tr("{0:,} of {1:,} runs{2}").format(shown, every, limit))

    @Slot()
    def _save_report(self) -> None:
        self.saver.ask(self._store, self.run_id)

    @Slot()
    def compare(self) -> None:
        """Compare all chosen runs with the oldest of them, in the background."""
        runs = sorted((self.model.rows[n] for n in self.table.all_chosen()), key=lambda run: run.created_at)
        if len(runs) < 2 or self._comparing is not None:
            return
        store, ids = self._store, [run.id for run in runs]
        self.compare_button.setEnabled(False)
        self.message.setText(tr("Comparing …"))
        self._comparing = Background(lambda _report: compare_runs(Store(store), ids[0], ids[1:]), "compare")
        self._comparing.succeeded.connect(self._compared)
        self._comparing.failed.connect(self._not_compared)
        self._comparing.start()

    @Slot(object)
    def _compared(self, found: list[Comparison]) -> None:
        self._comparing = None
        self.message.setText("")
        self.compare_button.setEnabled(len(self.table.all_chosen()) > 1)
        self.comparison = ComparisonDialog(found, self)
        self.comparison.open()

    @Slot(object)
    def _not_compared(self, error: BaseException) -> None:
        self._comparing = None
        self.message.setText("")
        self.compare_button.setEnabled(len(self.table.all_chosen()) > 1)
        self.run_problems.show_problems(problems_of(error, tr("these runs cannot be compared")))

    @Slot()
    def _copy_id(self) -> None:
        QGuiApplication.clipboard().setText(self.run_id)
        self.message.setText(tr("Run id copied."))

    def _lay_out(self) -> None:
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(tr("Filter: name, device, kind, id ..."))
        self.filter.setAccessibleName(tr("Filter the runs"))
        self.filter.setClearButtonEnabled(True)
        self.filter.setMaximumWidth(420)
        self.count = plain_label(wrap=False)
        theme.give_role(self.count, "muted")
        self.refresh_button = QPushButton(tr("&Refresh"))
        self.retry_button = QPushButton(tr("&Try again"))
        self.list_problems = ProblemBox()
        top = QHBoxLayout()
        top.addWidget(self.filter, 1)
        top.addWidget(self.count)
        top.addStretch(1)
        top.addWidget(self.refresh_button)
        self._pages = QStackedWidget()
        self._content, self._empty, self._broken = self._make_content(), _centred(EMPTY), self._make_broken()
        loading = _centred("Reading the stored runs ...")
        for page in (loading, self._content, self._empty, self._broken):
            self._pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(10)
        layout.addLayout(top)
        self.notice = plain_label(name="Notice")
        self.notice.hide()
        layout.addWidget(self.notice)
        layout.addWidget(self.filters)
        layout.addWidget(self._pages, 1)

    def _make_content(self) -> QWidget:
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self.table)
        splitter.addWidget(self.pane)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        splitter.setSizes([845, 557])
        splitter.setChildrenCollapsible(False)
        return splitter

    def _make_broken(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addWidget(self.list_problems)
        layout.addWidget(self.retry_button, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addStretch(1)
        return page


def _frames(store: Store, record: RunRecord) -> tuple[SegmentRecord, ...]:
    """Return a run's frames for the charts; none where there are too many, or they cannot be read."""
    if not 0 < record.sample_rows <= MOST_FRAMES:
        return ()
    try:
        return store.segments(record.id)
    except StoreError as error:
        _log.warning("%s", error)
        return ()


def _centred(text: str) -> QWidget:
    label = plain_label(text)
    theme.give_role(label, "heading")
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return label


def _sheet(c: Colors) -> str:
    notice = f"QLabel#Notice {{ color: {c.warn}; }}"
    return f"{notice} QFrame#ProblemBox {{ border: 1px solid {c.fail}; border-radius: 6px; background: {c.surface}; }}"
