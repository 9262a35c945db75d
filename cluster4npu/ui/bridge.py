"""The only crossing from the engine's events to Qt signals; never blocks the GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from cluster4npu.core.engine.messages import (
    Calibrated,
    Event,
    Failed,
    Finished,
    FramesTraced,
    MetricsUpdated,
    PreviewFrame,
    RunOptions,
    SourceChanged,
    Started,
    StateChanged,
    WorkerBack,
    WorkerFailed,
)
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui.pace import SPARING
from cluster4npu.ui.watch import RunWatch

POLL_MS = 30


class EngineBridge(QObject):
    """Starts and stops one run at a time and tells what happens in it.

    Every `start` ends in exactly one `finished` or `failed`; nothing of the run is left then.
    """

    state_changed = Signal(str, str)  # state, detail
    started = Signal(object)  # Started
    calibrated = Signal(object)  # Calibrated
    metrics_updated = Signal(object)  # MetricsSnapshot
    frames_traced = Signal(object)  # NumPy array of FRAME_TRACE
    preview_ready = Signal(object)  # PreviewFrame
    worker_failed = Signal(object)  # WorkerFailed
    worker_back = Signal(object)  # WorkerBack
    source_changed = Signal(object)  # SourceChanged
    finished = Signal(object)  # RunSummary
    failed = Signal(
        object
    )  # Failed: its error (Cancelled: stopped with nothing to tell), and the summary or None

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watch: RunWatch | None = None
        self._preview_size: tuple[int, int] | None = None
        self._preview_s = SPARING.preview_ms / 1000
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._drain)

    @property
    def busy(self) -> bool:
        """Tell whether a run goes on, or is being started or cleaned up."""
        return self._watch is not None

    def start(self, config: PipelineConfig, options: RunOptions | None = None) -> None:
        """Start a run and return at once; whatever goes wrong comes as `failed`. Ignored while busy."""
        if self.busy:
            return
        self._watch = RunWatch(config, options or RunOptions())
        self._watch.preview_size, self._watch.preview_s = self._preview_size, self._preview_s
        self._watch.start()
        self._timer.start()
        self.state_changed.emit("starting", "")

    def stop(self) -> None:
        """Ask the run to end; returns at once. What does not leave within 3 s, or 1 s at its start, is killed."""
        if self._watch is not None:
            self._watch.stop()
            self.state_changed.emit("stopping", "")

    def show_preview(self, size: tuple[int, int] | None) -> None:
        """Ask for frames of at most this size (width, height) while somebody looks; None: nobody does."""
        self._preview_size = size
        if self._watch is not None:
            self._watch.preview_size = size

    def set_pace(self, preview_ms: int) -> None:
        """Ask for a frame so often."""
        self._preview_s = preview_ms / 1000
        if self._watch is not None:
            self._watch.preview_s = self._preview_s

    def shutdown(self, timeout_s: float = 6.0) -> None:
        """Stop, wait and tell the end, for a window that closes; returns after `timeout_s` at the latest."""
        if self._watch is None:
            return
        self._timer.stop()
        self._watch.stop()
        if self._watch.begun:
            self._watch.join(timeout_s)
        self._drain()
        self._watch = None

    def _drain(self) -> None:
        watch = self._watch
        while watch is not None and watch is self._watch and watch.news:
            self._tell(watch.news.popleft())

    def _tell(self, news: Event | PreviewFrame) -> None:
        match news:
            case StateChanged():
                self.state_changed.emit(news.state, news.detail)
            case Started():
                self.started.emit(news)
            case Calibrated():
                self.calibrated.emit(news)
            case MetricsUpdated():
                self.metrics_updated.emit(news.snapshot)
            case FramesTraced():
                self.frames_traced.emit(news.rows)
            case PreviewFrame():
                if self._preview_size is not None:
                    self.preview_ready.emit(news)
            case WorkerFailed():
                self.worker_failed.emit(news)
            case WorkerBack():
                self.worker_back.emit(news)
            case SourceChanged():
                self.source_changed.emit(news)
            case Finished() | Failed():
                self._over(news)
            case _:
                pass  # streams of results and segments are for other readers

    def _over(self, end: Finished | Failed) -> None:
        """Be ready for the next run, then tell how this one ended."""
        self._timer.stop()
        self._watch = None
        self.state_changed.emit("stopped", "")
        if isinstance(end, Finished):
            self.finished.emit(end.summary)
        else:
            self.failed.emit(end)
