"""The only crossing from the engine's events to Qt signals; never blocks the GUI thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from cluster4npu.core.engine.messages import (
    Calibrated,
    Event,
    Failed,
    Finished,
    MetricsUpdated,
    PreviewReady,
    RunOptions,
    Started,
    StateChanged,
    WorkerFailed,
)
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed

if TYPE_CHECKING:
    from cluster4npu.core.engine.engine import Run
    from cluster4npu.core.pipeline.config import PipelineConfig

POLL_MS = 30
PREVIEW_PERIOD_S = 1 / 30
STOP_PATIENCE_S = 3.0
_ASK_AGAIN_S = 1.0

_log = logging.getLogger(__name__)


class EngineBridge(QObject):
    """Starts and stops one run at a time and tells what happens in it.

    Phases: idle -> opening (engine made on a thread) -> running -> closing (processes awaited on a thread)
    -> idle.
    Every `start` ends in exactly one `finished` or `failed`, after which nothing of the run is left.
    """

    state_changed = Signal(str, str)  # state, detail
    started = Signal(object)  # Started
    calibrated = Signal(object)  # Calibrated
    metrics_updated = Signal(object)  # MetricsSnapshot
    preview_ready = Signal(object)  # PreviewFrame
    worker_failed = Signal(object)  # WorkerFailed
    finished = Signal(object)  # RunSummary
    failed = Signal(object)  # Failed: its error, and the summary or None

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._opened: Run | Exception | None = None
        self._thread: threading.Thread | None = None
        self._phase = "idle"
        self._end: Finished | Failed | None = None
        self._stop_asked_at: float | None = None
        self._preview_size: tuple[int, int] | None = None
        self._asked_at = 0.0
        self._asked = False
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def busy(self) -> bool:
        """Tell whether a run goes on, or is being started or cleaned up."""
        return self._phase != "idle"

    def start(self, config: PipelineConfig, options: RunOptions | None = None) -> None:
        """Start a run and return at once; whatever goes wrong comes as `failed`. Ignored while busy."""
        if self.busy:
            return
        self._phase, self._end, self._stop_asked_at, self._asked = "opening", None, None, False
        self._opened = None
        self.state_changed.emit("starting", "Checking the pipeline and its devices")
        self._in_thread("open-engine", lambda: self._open(config, options or RunOptions()))
        self._timer.start()

    def stop(self) -> None:
        """Ask the run to end; returns at once. What does not leave within 3 s is killed."""
        if self._phase in ("idle", "closing") or self._stop_asked_at is not None:
            return
        self._stop_asked_at = time.monotonic()
        self.state_changed.emit("stopping", "")
        if self._run is not None:
            self._run.stop(now=True)

    def show_preview(self, size: tuple[int, int] | None) -> None:
        """Ask for frames of at most this size (width, height) while somebody looks; None: nobody does."""
        self._preview_size = size

    def shutdown(self, timeout_s: float = 5.0) -> None:
        """Stop and wait, for a window that closes; returns after `timeout_s` at the latest."""
        if not self.busy:
            return
        self._timer.stop()
        self.stop()
        deadline = time.monotonic() + timeout_s
        if self._thread is not None:
            self._thread.join(timeout_s)
        if self._run is None and not isinstance(self._opened, Exception):
            self._run = self._opened
        if self._run is not None:
            self._run.close(max(0.5, deadline - time.monotonic()))
        self._run, self._phase = None, "idle"

    def _open(self, config: PipelineConfig, options: RunOptions) -> None:
        from cluster4npu.core.engine.engine import Engine  # with its runtimes, not before it is needed

        try:
            self._opened = Engine(config, options).start()
        except Exception as error:  # told as `failed` by _poll
            self._opened = error

    def _in_thread(self, name: str, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work, name=name, daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        if self._phase == "opening":
            self._poll_opening()
        if self._phase == "running":
            self._poll_running()
        if self._phase == "closing" and self._thread is not None and not self._thread.is_alive():
            self._over()

    def _poll_opening(self) -> None:
        opened = self._opened
        if opened is None:
            return
        if isinstance(opened, Exception):
            self._end = Failed(_as_error(opened))
            self._over()
            return
        self._run, self._phase = opened, "running"
        if self._stop_asked_at is not None:
            opened.stop(now=True)

    def _poll_running(self) -> None:
        assert self._run is not None
        for event in self._run.poll():
            self._tell(event)
        asked = self._stop_asked_at
        overdue = asked is not None and time.monotonic() - asked > STOP_PATIENCE_S
        if self._end is not None or overdue:
            self._close()
        else:
            self._ask_for_preview()

    def _tell(self, event: Event) -> None:
        match event:
            case StateChanged():
                self.state_changed.emit(event.state, event.detail)
            case Started():
                self.started.emit(event)
            case Calibrated():
                self.calibrated.emit(event)
            case MetricsUpdated():
                self.metrics_updated.emit(event.snapshot)
            case PreviewReady():
                self._read_preview()
            case WorkerFailed():
                self.worker_failed.emit(event)
            case Finished() | Failed():
                self._end = event
            case _:
                pass  # streams of results and segments are for other readers

    def _read_preview(self) -> None:
        assert self._run is not None
        self._asked = False
        frame = self._run.read_preview()
        if frame is not None and self._preview_size is not None:
            self.preview_ready.emit(frame)

    def _ask_for_preview(self) -> None:
        assert self._run is not None
        waited = time.monotonic() - self._asked_at
        due = waited >= (_ASK_AGAIN_S if self._asked else PREVIEW_PERIOD_S)
        if self._preview_size is not None and due:
            self._asked, self._asked_at = True, time.monotonic()
            self._run.want_preview(*self._preview_size)

    def _close(self) -> None:
        assert self._run is not None
        self._phase = "closing"
        self._in_thread("close-engine", self._run.close)

    def _over(self) -> None:
        """Everything of the run is gone: be ready for the next one, then tell how this one ended."""
        self._timer.stop()
        if self._end is None and self._run is not None:  # closed because it did not stop by itself
            for event in self._run.poll():
                self._tell(event)
        end = self._end or Failed(RunFailed("the run did not stop in time, so its processes were ended"))
        self._run, self._thread, self._phase = None, None, "idle"
        self.state_changed.emit("stopped", "")
        if isinstance(end, Finished):
            self.finished.emit(end.summary)
        else:
            self.failed.emit(end)


def _as_error(error: Exception) -> Cluster4NPUError:
    if isinstance(error, Cluster4NPUError):
        return error
    _log.error("the engine could not be started", exc_info=error)
    return RunFailed(
        Problem(
            "the run could not be started",
            found=f"{type(error).__name__}: {error}",
            hint="Please report this with the log; the pipeline itself is unchanged.",
        )
    )
