"""Feeds the overlay: figures with every snapshot, and the frames under way some times a second."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace
from statistics import fmean

from PySide6.QtCore import QObject, QTimer

from cluster4npu.core.metrics.snapshot import MetricsSnapshot
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui.overlay.figures import figures_at_end, figures_of
from cluster4npu.ui.overlay.overlay import PerformanceOverlayWidget
from cluster4npu.ui.pace import LIVELY
from cluster4npu.ui.visualizer.visualizer import ParallelExecutionVisualizer

LAG_NS = 450_000_000  # stamps come four times a second, and only of frames that have ended
_RECENT_ROWS = 256
_SMOOTHED_S = 1.0


class LiveOverlay(QObject):
    """Joins the overlay to what the visualizer knows. `tokens_shown` turns the moving frames off and on."""

    def __init__(self, overlay: PerformanceOverlayWidget, visualizer: ParallelExecutionVisualizer) -> None:
        super().__init__(overlay)
        self._overlay, self._visualizer = overlay, visualizer
        self._config = PipelineConfig()
        self._recent: deque[MetricsSnapshot] = deque()
        self._replay_ns: int | None = None
        self._detached = False
        self.tokens_shown = True
        self._tokens_ms = LIVELY.tokens_ms
        self._running = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._move_tokens)
        visualizer.moment.connect(self._show_moment)

    def begin(self, config: PipelineConfig) -> None:
        """A run of this pipeline starts."""
        self._config = config
        self._detached = False
        self._recent.clear()
        self._replay_ns = None
        self._overlay.clear()
        self._running = True
        self._overlay.keep_canvas(True)
        self.set_pace(self._tokens_ms)

    def set_pace(self, tokens_ms: int) -> None:
        """Move the frames so often, and with 0 with each snapshot."""
        self._tokens_ms = tokens_ms
        if self._running and tokens_ms:
            self._timer.start(tokens_ms)
        else:
            self._timer.stop()

    def update_snapshot(self, snapshot: MetricsSnapshot, fps: float) -> None:
        """Show the newest figures; `fps` is the rate over the last second."""
        if snapshot.state != "running" or self._detached:
            return
        self._recent.append(snapshot)
        while snapshot.elapsed_s - self._recent[0].elapsed_s > _SMOOTHED_S:
            self._recent.popleft()
        oldest = self._recent[0]
        rates: dict[str, list[float]] = {}
        for device in (d for s in self._recent for d in s.devices):
            rates.setdefault(device.id, []).append(device.fps)
        devices = tuple(replace(d, fps=fmean(rates[d.id])) for d in snapshot.devices)
        passed = snapshot.elapsed_s - oldest.elapsed_s
        coming = (snapshot.frames_in - oldest.frames_in) / passed if passed > 0 else fps
        rows = self._visualizer.log.rows[-_RECENT_ROWS:]
        bottleneck = self._visualizer.bottleneck
        now = replace(snapshot, devices=devices)
        flow = self._visualizer.flow
        self._overlay.show_figures(figures_of(flow, now, fps, coming, rows, bottleneck))
        if not self._tokens_ms:
            self._move_tokens()

    def end(self, summary: RunSummary | None) -> None:
        """The run is over: its totals stay on the nodes."""
        self._stop()
        self._overlay.show_tokens(())
        if summary is not None and summary.frames_out and not self._detached:
            self._overlay.show_figures(figures_at_end(self._visualizer.flow, self._config, summary))

    def clear(self) -> None:
        """Show nothing until the next run: another pipeline was opened, whose nodes these figures are not of."""
        self._detached = True
        self._stop()
        self._overlay.clear()

    def show_tokens(self, shown: bool) -> None:
        """Turn the moving frames off and on."""
        self.tokens_shown = shown
        self._move_tokens()

    def _stop(self) -> None:
        self._running = False
        self._timer.stop()
        self._overlay.keep_canvas(False)

    def _show_moment(self, time_ns: int | None) -> None:
        self._replay_ns = time_ns
        self._move_tokens()

    def _move_tokens(self) -> None:
        if not self._overlay.isVisible():
            return
        at = self._replay_ns
        if at is None and self._running:
            at = time.monotonic_ns() - LAG_NS
        if at is None or not self.tokens_shown:
            self._overlay.show_tokens(())
            return
        log = self._visualizer.log.rows
        rows = log if self._replay_ns is not None else log[-4 * _RECENT_ROWS :]
        self._overlay.show_tokens(self._visualizer.flow.tokens(rows, at, self._visualizer.workers))
