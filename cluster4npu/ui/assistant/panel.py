"""OptimizationAssistantPanel: changes that would make the measured run faster, applied with one press each."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from cluster4npu.core.engine.messages import Calibrated, Started
from cluster4npu.core.errors import Problem
from cluster4npu.core.metrics.bottleneck import Bottleneck
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.predict.what_if import WhatIf
from cluster4npu.ui import theme
from cluster4npu.ui.assistant.measured import Measured, same_meaning
from cluster4npu.ui.assistant.outcome import Outcome
from cluster4npu.ui.assistant.row import ChangeRow, predicted
from cluster4npu.ui.dashboard.chip import simulated_chip
from cluster4npu.ui.dialogs.background import Background
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.document import Document
from cluster4npu.ui.edits import checked_param
from cluster4npu.ui.text import told, told_problem, tr
from cluster4npu.ui.visualizer.visualizer import JUDGED_NS, ParallelExecutionVisualizer

EMPTY = "Run the pipeline: then what could make it faster stands here, and what is predicted of it."
NO_STAMPS = (
    "Nothing can be predicted of this run: it kept no times of single frames, like every run on demand."
)
_ASK_MS = 2000  # while a run goes on


class OptimizationAssistantPanel(QWidget):
    """Asks the stamps that the visualizer has, on a thread, while the panel is seen and never before.

    `refused` carries why a change was not made; `hinted` the node that holds the run back and what would help, or two
    empty texts.
    """

    refused = Signal(str)
    hinted = Signal(str, str)

    def __init__(
        self, document: Document, visualizer: ParallelExecutionVisualizer, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._document, self._visualizer = document, visualizer
        self._measured: Measured | None = None
        self._asking: Background | None = None
        self._stale = False  # there are frames that were not asked
        self.outcome = Outcome()
        self.rows: list[ChangeRow] = []
        self.words, self.evidence, self.news = plain_label(EMPTY), plain_label(), plain_label()
        theme.give_role(self.words, "subheading")
        theme.give_role(self.evidence, "muted")
        self.simulated = simulated_chip()
        self.simulated.hide()
        self._timer = QTimer(self, interval=_ASK_MS)
        self._timer.timeout.connect(self.ask)
        self._lay_out()
        visualizer.judged.connect(self._judged)
        document.config_changed.connect(self._changed)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._allow()
        self._show_news()
        if self._measured is None:
            return
        if self._visualizer.running:
            self._timer.start()
        self._judged(self._visualizer.bottleneck)
        self.ask()

    # --- a run ---

    def begin(self, config: PipelineConfig) -> None:
        """A run of this pipeline starts."""
        self.clear()
        self._measured = Measured(config)
        if self.isVisible():
            self._timer.start()

    def show_started(self, started: Started) -> None:
        """Take note of the workers of each stage."""
        if self._measured is not None:
            self._measured.started = started
        self.simulated.setVisible(bool(started.simulated))

    def show_calibrated(self, event: Calibrated) -> None:
        """Take note of what each worker did in calibration."""
        if self._measured is not None:
            self._measured.take_calibration(event)

    def end(self) -> None:
        """The run is over; the visualizer has all of its stamps."""
        self._timer.stop()
        if self._measured is not None and not self._visualizer.log.end_ns:
            self.words.setText(tr(NO_STAMPS))
        self._stale = True
        self.ask()

    def clear(self) -> None:
        """Go back to the state before the first run."""
        self._timer.stop()
        if self._asking is not None:
            self._asking.abandon()
            self._asking = None
        self._measured = None
        self._stale = False
        self.simulated.hide()
        self.words.setText(tr(EMPTY))
        self.evidence.setText("")
        self._show_rows([])
        self._show_news()

    # --- what could be changed ---

    def ask(self) -> None:
        """Ask what could be changed about what was measured; the answer is shown when it comes."""
        measured, log = self._measured, self._visualizer.log
        if measured is None or self._asking is not None or not self.isVisible() or not log.end_ns:
            return
        self._stale = False
        end = log.end_ns
        start = max(end - JUDGED_NS, log.origin_ns) if self._visualizer.running else log.origin_ns
        rows = log.rows.copy()
        self._asking = Background(lambda _report: measured.ask(rows, start, end), "ask-what-if")
        self._asking.succeeded.connect(self._answered)
        self._asking.failed.connect(self._failed)
        self._asking.start()

    def apply(self, change: WhatIf) -> None:
        """Make a change: one step of undo. Where it cannot be made, `refused` says why."""
        config = self._document.config
        entry = next((node for node in config.nodes if node.id == change.node), None)
        if entry is None:
            gone = Problem("this node is gone", node=change.node, hint="Run the pipeline again.")
            self.refused.emit(told_problem(gone))
            return
        params = checked_param(entry, change.param, change.value)  # type: ignore[arg-type]
        if isinstance(params, Problem):
            self.refused.emit(told_problem(params))
            return
        changed = entry.model_copy(update={"params": params})
        self._document.apply(config.with_node(changed), change.text)
        self.outcome.expect(change, self._document.config)
        self._show_news()

    def _answered(self, found: object) -> None:
        self._asking = None
        assert isinstance(found, list)
        if self._measured is not None and not self._visualizer.running and found:
            self.outcome.measure(self._measured.config, found[0].now)
        self._show_rows(found)
        self._show_news()
        if self._stale:
            self.ask()

    def _failed(self, error: Exception) -> None:
        self._asking = None
        raise error

    def _judged(self, found: Bottleneck | None) -> None:
        if self._measured is None or not self.isVisible():
            return
        if found is None:
            self.words.setText(tr("Too few frames to tell what holds the run back."))
            self.evidence.setText("")
            return
        self.words.setText(f"▲ {told(found.text)}")
        self.evidence.setText(" ".join(told(text) for text in found.evidence))

    # --- what is shown ---

    def _show_rows(self, changes: list[WhatIf]) -> None:
        if [row.change for row in self.rows] == changes:
            return
        for row in self.rows:
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = [ChangeRow(change) for change in changes]
        for index, row in enumerate(self.rows):
            row.wanted.connect(self.apply)
            self._list.insertWidget(index, row)
        self._allow()
        self._hint()

    def _allow(self) -> None:
        """Let changes be made where they are of the pipeline that is open, and not of one that was changed since."""
        if not self.isVisible():
            return
        measured = self._measured
        fresh = measured is not None and same_meaning(measured.config, self._document.config)
        for row in self.rows:
            row.allow(fresh, tr("The pipeline was changed after this was measured. Run it again."))

    def _changed(self) -> None:
        if self.isVisible():
            self._allow()
            self._show_news()

    def _hint(self) -> None:
        """Tell the canvas what would help the node that holds the run back."""
        best = self.rows[0].change if self.rows else None
        if best is None or not best.worth_it or not best.node:
            self.hinted.emit("", "")
        else:
            self.hinted.emit(best.node, f"{told(best.text)}: {predicted(best)}")

    def _show_news(self) -> None:
        self.news.setText(self.outcome.words(self._document.config))
        self.news.setVisible(bool(self.news.text()))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.words, 1)
        head.addWidget(self.simulated, 0, Qt.AlignmentFlag.AlignTop)
        inner = QWidget()
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 6, 0)
        self._list.setSpacing(4)
        self._list.addStretch(1)
        area = QScrollArea()
        area.setWidget(inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(tr("What could be changed"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 6, 4)
        layout.addLayout(head)
        layout.addWidget(self.evidence)
        layout.addWidget(self.news)
        layout.addWidget(area, 1)
        self.news.hide()
