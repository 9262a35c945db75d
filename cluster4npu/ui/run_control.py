"""Run and Stop: from the document through the bridge to the panels, and the finished run into the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from cluster4npu.core.engine.messages import (
    Calibrated,
    Failed,
    RunOptions,
    SourceChanged,
    Started,
    WorkerBack,
    WorkerFailed,
)
from cluster4npu.core.errors import Cancelled, Cluster4NPUError, Problem, RefusedError, StoreError
from cluster4npu.core.metrics.snapshot import MetricsSnapshot
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui.bridge import EngineBridge
from cluster4npu.ui.dashboard.numbers import figure
from cluster4npu.ui.dialogs.background import Background
from cluster4npu.ui.document import Document
from cluster4npu.ui.message_bar import MessageBar
from cluster4npu.ui.pace import SPARING, Pace, Rates
from cluster4npu.ui.result_files import placed, written_files
from cluster4npu.ui.text import told, told_problem, tr

if TYPE_CHECKING:
    from cluster4npu.ui.workspace import Workspace

TRY_AGAIN_MS = 10_000
_MOST_TRIES = 60


class RunControl(QObject):
    """Holds the one run of the window, which uses the pipeline as it was when it started.

    `busy_changed` tells whether a run goes on; `told` carries what the status bar shows: state and figures;
    `stored` tells that the run can be found in the history.
    """

    busy_changed = Signal(bool)
    told = Signal(str, str)
    stored = Signal(str)

    def __init__(
        self,
        document: Document,
        messages: MessageBar,
        workspace: Callable[[], Workspace],
        store: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._document, self._messages, self._workspace = document, messages, workspace
        self._store = store
        self._config: PipelineConfig | None = None
        self._started: Started | None = None
        self._saving: Background | None = None
        self._stop_asked = False
        self._files: list[Path] = []  # that the run writes
        self._losing: set[str] = set()  # outputs whose losses have been told
        self.summary: RunSummary | None = None
        self._pace = Pace()
        self._rates = SPARING
        self.bridge = bridge = EngineBridge(self)
        bridge.state_changed.connect(self._show_state)
        bridge.started.connect(self._show_started)
        bridge.calibrated.connect(self._show_calibrated)
        bridge.metrics_updated.connect(self._show_metrics)
        bridge.frames_traced.connect(lambda rows: self._workspace().show_frames(rows))
        bridge.preview_ready.connect(lambda frame: self._workspace().preview.show_frame(frame))
        bridge.worker_failed.connect(self._show_worker_failed)
        bridge.worker_back.connect(self._show_worker_back)
        bridge.source_changed.connect(self._show_source_changed)
        bridge.finished.connect(self._finished)
        bridge.failed.connect(self._failed)

    @property
    def busy(self) -> bool:
        return self.bridge.busy

    @property
    def name(self) -> str:
        """Return the name of the pipeline that runs, or ran last."""
        return self._config.name if self._config is not None else ""

    def run(self, options: RunOptions | None = None) -> bool:
        """Start the document's pipeline, or say what is wrong with it."""
        if self.busy:
            return False
        errors = [p for p in self._document.check() if p.severity == "error"]
        if errors:
            self._complain(errors)
            return False
        self._messages.hide()
        self._config, self._started, self.summary = self._document.config, None, None
        self._stop_asked = False
        self._losing.clear()
        self._workspace().begin_run(self._config)
        self._keep_pace(self._pace.begin())
        options = options or RunOptions(traces=True)
        run = placed(self._config)
        self._files = written_files(run)
        self.bridge.start(run, replace(options, live_traces=options.traces))
        self.busy_changed.emit(True)
        self._look_at_the_store()
        return True

    def stop(self) -> None:
        """Stop the run; returns at once."""
        self._stop_asked = self.busy
        self.bridge.stop()

    def shutdown(self) -> None:
        """End everything that goes on, for a window that closes; waits a few seconds at most."""
        self._stop_asked = self.busy
        self.bridge.shutdown()
        if self._saving is not None:
            self._saving.wait(3.0)

    def _show_state(self, state: str, detail: str) -> None:
        self._workspace().dashboard.show_state(state, detail)
        self.told.emit(state.capitalize(), "")

    def _show_started(self, started: Started) -> None:
        self._started = started
        self._workspace().show_started(started)

    def _show_calibrated(self, event: Calibrated) -> None:
        self._workspace().show_calibrated(event)
        if event.harmful is not None:
            self._messages.show_text(
                tr("{0} is left out: {1}.").format(event.harmful[0], told(event.harmful[1])), "warn"
            )

    def _show_metrics(self, snapshot: MetricsSnapshot) -> None:
        workspace = self._workspace()
        rates = self._pace.update(snapshot)
        if rates != self._rates:
            self._keep_pace(rates)
        workspace.show_snapshot(snapshot)
        for sink in snapshot.sinks:
            if sink.lost and sink.id not in self._losing:
                self._losing.add(sink.id)
                self._messages.show_text(f"{told(sink.lost)}.", "warn", sink.id)
        self.told.emit(
            snapshot.state.capitalize(),
            _told(snapshot.frames_out, workspace.dashboard.fps),
        )

    def _keep_pace(self, rates: Rates) -> None:
        self._rates = rates
        self.bridge.set_pace(rates.preview_ms)
        self._workspace().set_pace(rates)

    def _show_worker_failed(self, event: WorkerFailed) -> None:
        what = (
            tr("It is left out from now on.") if event.final else tr("It is started again; no frame is lost.")
        )
        self._messages.show_text(
            tr("{0} failed: {1}. {2}").format(event.device, told(event.reason).rstrip("."), what),
            "warn",
            event.node,
        )

    def _show_worker_back(self, event: WorkerBack) -> None:
        self._messages.show_text(
            tr("{0} failed, and is back after {1:.1f} s.").format(event.device, event.down_s), "ok"
        )

    def _show_source_changed(self, event: SourceChanged) -> None:
        what = " " + tr("Trying again ...") if event.state == "lost" else ""
        well = event.state in ("back", "moving")
        self._messages.show_text(f"{event.node}: {told(event.detail)}.{what}", "ok" if well else "warn")

    def _finished(self, summary: RunSummary) -> None:
        self.summary = summary
        how = "stopped" if self._stop_asked else "finished"
        self._workspace().end_run(summary, how)
        self.told.emit(how.capitalize(), _told(summary.frames_out, summary.fps))
        self._warn(summary)
        self._tell_written(self._files)
        self._keep(summary)
        self.busy_changed.emit(False)

    def tell_files(self, config: PipelineConfig) -> None:
        """Say where the results of a benchmark of this pipeline are, if it writes any."""
        self._tell_written(written_files(placed(config)))

    def _tell_written(self, files: list[Path]) -> None:
        if files and not self._messages.text():
            names = ", ".join(str(path) for path in files)
            self._messages.show_text(tr("Results are in {0}").format(names), "ok")

    def _failed(self, event: Failed) -> None:
        self.summary = event.summary
        if isinstance(event.error, Cancelled):  # stopped, and there is nothing that it could have told
            self._workspace().end_run(event.summary, "stopped")
            self.told.emit("Stopped", "")
            if self._started is not None:
                self._messages.show_problems(event.error.problems)
        else:
            self._workspace().end_run(event.summary, "failed", event.error.problems)
            self.told.emit("Failed", "")
            self._complain(event.error.problems)
        self.busy_changed.emit(False)

    def _warn(self, summary: RunSummary) -> None:
        notes = [*summary.warnings]
        if summary.frames_failed:
            reasons = "; ".join(summary.failures)
            notes.append(
                tr("{0} of {1} frames failed: {2}").format(
                    summary.frames_failed, summary.frames_in, told(reasons)
                )
            )
        if notes:
            self._messages.show_text(" ".join(f"{told(note).rstrip('.')}." for note in notes), "warn")

    def _complain(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        self._messages.show_problems(problems)
        known = {node.id for node in self._document.config.nodes}
        self._workspace().show_problems(problems[0].node if problems[0].node in known else "")

    def _keep(self, summary: RunSummary) -> None:
        """Store the run on a thread; the window does not wait for the disk."""
        config = self._config
        if config is None or summary.frames_out == 0:
            return
        sha256 = self._started.model_sha256 if self._started is not None else ""
        path = self._store

        def save(_report: object) -> str:
            from cluster4npu.core.store import Store
            from cluster4npu.core.store.recording import record_of_run

            with Store(path) as store:
                return store.save(
                    record_of_run(config, summary, command="cluster4npu app", model_sha256=sha256)
                )

        self._store_in_background(save)

    def _store_in_background(self, save: Callable[[object], object], tried: int = 0) -> None:
        self._saving = Background(save, "store-run")
        self._saving.succeeded.connect(lambda run_id: self.stored.emit(str(run_id)))
        self._saving.failed.connect(lambda error: self._not_stored(error, save, tried + 1))
        self._saving.start()

    def _not_stored(self, error: Exception, save: Callable[[object], object], tried: int) -> None:
        if isinstance(error, StoreError) and not isinstance(error, RefusedError) and tried < _MOST_TRIES:
            # Another program has the file, or the disk is full: that may pass.
            if tried == 1:
                self._show_store_problem(tr("This run is not kept yet"), error)
            QTimer.singleShot(TRY_AGAIN_MS, self, lambda: self._store_in_background(save, tried))
            return
        why = told_problem(error.problems[0]) if isinstance(error, Cluster4NPUError) else str(error)
        self._messages.show_text(tr("This run was not kept: {0}").format(why), "warn")

    def _look_at_the_store(self) -> None:
        """Say at the beginning of a run, and not after it, when it could not be kept."""

        def look(_report: object) -> None:
            from cluster4npu.core.store import Store

            Store(self._store).require_writable()

        looking = Background(look, "look-at-store")
        looking.failed.connect(self._tell_of_the_store)
        looking.start()

    def _tell_of_the_store(self, error: Exception) -> None:
        if isinstance(error, StoreError):
            self._show_store_problem(tr("This run could not be kept now"), error)

    def _show_store_problem(self, what: str, error: StoreError) -> None:
        problem = error.problems[0]
        text = (
            tr("{0}: {1} ({2}).")
            if isinstance(error, RefusedError)
            else tr("{0}: {1} ({2}). It is kept as soon as that has passed, while this window is open.")
        )
        self._messages.show_text(text.format(what, told(problem.message), told(problem.found)), "warn")


def _told(frames: int, fps: float) -> str:
    """Return what the status bar says of a run."""
    return tr("{0} frames   {1} FPS").format(frames, figure(fps))
