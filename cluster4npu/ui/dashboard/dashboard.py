"""The live view of a run: figures, charts over time, and bars for each device."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from statistics import mean

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from cluster4npu.core.metrics.snapshot import DeviceSnapshot, MetricsSnapshot
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.ui.dashboard.chart import LiveChart
from cluster4npu.ui.dashboard.devices import DeviceUtilizationChart
from cluster4npu.ui.dashboard.figures import Figures

IDLE = "Press Run to see frames per second, latency and each device's work here."
_SMOOTHED_S = 1.0
_DEVICES_SMOOTHED_S = 2.0  # a slow device ends few frames in a period
_WORDS = {
    "starting": "Loading the model on every device …",
    "calibrating": "Calibrating: measuring each device alone, then all together …",
    "holding": "Loaded, waiting for the measurement to begin …",
    "draining": "Finishing the frames that are under way …",
    "stopping": "Stopping …",
    "stopped": "Stopped.",
}


class PerformanceDashboard(QWidget):
    """Shows `MetricsSnapshot`s as they come; knows nothing of the engine."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fps_chart = LiveChart("Frames", "FPS", ["fps"])
        self.latency_chart = LiveChart("Latency", "ms", ["p50", "p95", "p99"])
        self.throughput_chart = LiveChart("Throughput", "MB/s", ["pixels"])
        self.device_chart = DeviceUtilizationChart()
        self.figures = Figures()
        self._pages = QStackedWidget()
        empty = QLabel(IDLE)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        empty.setWordWrap(True)
        empty.setProperty("role", "muted")
        page = QWidget()
        charts = QHBoxLayout()
        charts.setSpacing(6)
        for chart in (self.fps_chart, self.latency_chart, self.throughput_chart, self.device_chart):
            charts.addWidget(chart, 4 if chart in (self.latency_chart, self.device_chart) else 3)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(self.figures)
        layout.addLayout(charts, 1)
        self._pages.addWidget(empty)
        self._pages.addWidget(_scrolled(page))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)
        self._last_s = -1.0
        self._note, self._dropped = "", 0
        self._rates: deque[MetricsSnapshot] = deque()
        self._recent: deque[MetricsSnapshot] = deque()

    @property
    def fps(self) -> float:
        """Return the frames per second of the last second; single periods hold too few frames to be read."""
        return mean(s.fps for s in self._recent) if self._recent else 0.0

    def begin(self, targets: Targets) -> None:
        """Empty everything for a new run, whose figures are checked against these targets."""
        for chart in (self.fps_chart, self.latency_chart, self.throughput_chart):
            chart.clear()
        self.device_chart.clear()
        self.figures.set_targets(targets)
        self._last_s, self._note, self._dropped = -1.0, "", 0
        self._recent.clear()
        self._rates.clear()
        self._pages.setCurrentIndex(1)
        self.show_state("starting")

    def clear(self) -> None:
        """Go back to the state before the first run."""
        self._pages.setCurrentIndex(0)

    def show_state(self, state: str, detail: str = "") -> None:
        """Say in words what the engine does now."""
        words = _WORDS.get(state, "")
        if detail.casefold() not in words.casefold():
            words = f"{words} {detail}"
        self.figures.show_state(state, self._note if state == "running" else words.strip())

    def show_end(self, summary: RunSummary | None, how: str) -> None:
        """Show the totals of a run that is over; `how` is "finished", "stopped" or "failed"."""
        if (summary is None or not summary.frames_out) and not self.fps_chart.points():
            self.clear()
            return
        words = f"{how.capitalize()}. The figures are of the whole run, the charts of its last minute."
        if summary is None:
            words = f"{how.capitalize()}. The figures are the last ones that came."
        self.figures.show_state(how, words)
        self.device_chart.show_end(summary.devices if summary is not None else ())
        self.throughput_chart.show_end()
        if summary is None:
            self.fps_chart.show_end()
            self.latency_chart.show_end()
            return
        latency = summary.latency_ms
        self.fps_chart.show_end(summary.fps)
        self.latency_chart.show_end(latency.p50, latency.p95, latency.p99)
        at_stop = summary.frames_dropped - self._dropped if how == "stopped" else 0
        self.figures.show_summary(summary, at_stop)

    def show_note(self, text: str) -> None:
        """Say this beside the state while the pipeline runs."""
        self._note = text

    def update_snapshot(self, snapshot: MetricsSnapshot) -> None:
        """Take the newest measurements; while calibrating only the devices are shown."""
        self.device_chart.update_devices(self._smoothed(snapshot))
        if snapshot.state == "running":
            self._dropped = snapshot.frames_dropped
            self._recent.append(snapshot)
            while snapshot.elapsed_s - self._recent[0].elapsed_s > _SMOOTHED_S:
                self._recent.popleft()
        self.figures.show_snapshot(snapshot, self.fps)
        if snapshot.state not in ("running", "draining") or snapshot.elapsed_s <= self._last_s:
            return
        self._last_s = now = snapshot.elapsed_s
        self.fps_chart.append(now, self.fps)
        self.latency_chart.append(
            now, snapshot.latency_p50_ms, snapshot.latency_p95_ms, snapshot.latency_p99_ms
        )
        self.throughput_chart.append(now, mean(s.throughput_mb_s for s in self._recent or [snapshot]))

    def _smoothed(self, snapshot: MetricsSnapshot) -> tuple[DeviceSnapshot, ...]:
        """Return the devices with their rates over the last two seconds."""
        self._rates.append(snapshot)
        while (
            snapshot.elapsed_s - self._rates[0].elapsed_s > _DEVICES_SMOOTHED_S
            or self._rates[0].state != snapshot.state
        ):
            self._rates.popleft()
        rates: dict[str, list[float]] = {}
        for device in (d for s in self._rates for d in s.devices):
            rates.setdefault(device.id, []).append(device.fps)
        return tuple(replace(d, fps=mean(rates[d.id])) for d in snapshot.devices)


def _scrolled(page: QWidget) -> QScrollArea:
    """Return the page in an area that scrolls sideways where the window is narrower than the page can be."""
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setMinimumHeight(page.minimumSizeHint().height())
    return area
