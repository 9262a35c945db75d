"""The live view of a run: figures, charts over time, and bars for each device."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from statistics import fmean

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.engine.messages import Calibrated
from cluster4npu.core.metrics.snapshot import DeviceSnapshot, MetricsSnapshot
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.alerts import AlertsPanel, rule_text
from cluster4npu.ui.dashboard.chart import LiveChart
from cluster4npu.ui.dashboard.compare import ComparePanel
from cluster4npu.ui.dashboard.devices import DeviceUtilizationChart
from cluster4npu.ui.dashboard.figures import Figures
from cluster4npu.ui.dashboard.load import LoadPanel
from cluster4npu.ui.dashboard.nodes import NodesPanel
from cluster4npu.ui.dashboard.speedup import SpeedupWidget
from cluster4npu.ui.text import told, tr

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
    """Shows `MetricsSnapshot`s as they come; knows nothing of the engine. `paused` tells of the Pause button."""

    paused = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fps_chart = LiveChart(tr("Frames"), tr("FPS"), [tr("fps")])
        self.latency_chart = LiveChart(tr("Latency"), tr("ms"), [tr("p50"), tr("p95"), tr("p99")], band=True)
        self.throughput_chart = LiveChart(tr("Throughput"), tr("MB/s"), [tr("pixels")])
        self.device_chart = DeviceUtilizationChart()
        self.load, self.compare, self.alerts = LoadPanel(), ComparePanel(), AlertsPanel()
        self._alerts_page = _scrolled(self.alerts)
        self.nodes = NodesPanel()
        self.figures = Figures()
        self.live_charts = (self.fps_chart, self.latency_chart, self.throughput_chart, *self.load.charts)
        self.pause_button = self._make_pause()
        self.tabs = self._make_tabs()
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(6, 2, 6, 4)
        layout.setSpacing(2)
        layout.addWidget(self.figures)
        layout.addWidget(self.tabs, 1)
        empty = QLabel(tr(IDLE))
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        empty.setWordWrap(True)
        theme.give_role(empty, "muted")
        self._pages = QStackedWidget()
        self._pages.addWidget(empty)
        self._pages.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)
        self._last_s = -1.0
        self._note, self._dropped = "", 0
        self._rates: deque[MetricsSnapshot] = deque()
        self._recent: deque[MetricsSnapshot] = deque()

    @property
    def speedup_display(self) -> SpeedupWidget:
        """Return the large number of the last benchmark."""
        return self.compare.speedup_display

    @property
    def fps(self) -> float:
        """Return the frames per second of the last second; single periods hold too few frames to be read."""
        return fmean(s.fps for s in self._recent) if self._recent else 0.0

    def begin(self, targets: Targets) -> None:
        """Empty everything for a new run, whose figures are checked against these targets."""
        self.pause_button.setChecked(False)
        for chart in (self.fps_chart, self.latency_chart, self.throughput_chart):
            chart.clear()
        self.load.clear()
        self.nodes.clear()
        self.tabs.setTabVisible(self.tabs.indexOf(self.nodes), False)
        self.device_chart.clear()
        self.compare.begin()
        self.alerts.begin(targets)
        self.figures.set_targets(targets)
        self._last_s, self._note, self._dropped = -1.0, "", 0
        self._recent.clear()
        self._rates.clear()
        self._pages.setCurrentIndex(1)
        if self.tabs.currentWidget() is self.compare:  # where the last benchmark ended
            self.tabs.setCurrentIndex(0)
        self.show_state("starting")

    def show_compare(self) -> None:
        """Bring single against parallel to the front."""
        self._pages.setCurrentIndex(1)
        self.tabs.setCurrentWidget(self.compare)

    def show_calibrated(self, event: Calibrated) -> None:
        """Say what calibration measured."""
        weights = ", ".join(f"{d.id} {d.weight:.0%}" for d in event.devices)
        how = tr("as measured earlier") if event.cached else tr("measured now")
        self._note = tr("Calibrated ({0}): {1}").format(how, weights)
        if event.harmful is not None:
            self.device_chart.leave_out(*event.harmful)
        self.compare.show_calibrated(event)

    def set_paused(self, paused: bool) -> None:
        """Keep the charts as they are, to be looked at; what comes meanwhile is recorded."""
        for chart in self.live_charts:
            chart.set_paused(paused)
        self.pause_button.setText(tr("▶ Resume") if paused else tr("❚❚ Pause"))
        self.paused.emit(paused)

    def set_pace(self, chart_ms: int) -> None:
        """Draw each chart at most so often; not all of them in the same moment, which would hold the window up."""
        for number, chart in enumerate(self.live_charts):
            chart.set_pace(chart_ms, number)

    def clear(self) -> None:
        """Go back to the state before the first run."""
        self.begin(Targets())
        self.figures.show_state("", "")
        self._pages.setCurrentIndex(0)

    def show_state(self, state: str, detail: str = "") -> None:
        """Say in words what the engine does now."""
        words = tr(_WORDS[state]) if state in _WORDS else ""
        if detail.casefold() not in words.casefold():
            words = f"{words} {told(detail)}"
        self.figures.show_state(state, self._note if state == "running" else words.strip())

    def show_end(self, summary: RunSummary | None, how: str) -> None:
        """Show the totals of a run that is over; `how` is "finished", "stopped" or "failed"."""
        if (summary is None or not summary.frames_out) and not self.fps_chart.points():
            self.clear()
            return
        words = tr("{0}. The figures are of the whole run, the charts of its last minute.")
        if summary is None:
            words = tr("{0}. The figures are the last ones that came.")
        self.figures.show_state(how, words.format(tr(how.capitalize())))
        self.device_chart.show_end(summary.devices if summary is not None else ())
        if summary is not None and summary.node_periods:
            self.nodes.show_end(summary)
            self.tabs.setTabVisible(self.tabs.indexOf(self.nodes), True)
        self.alerts.end()
        if summary is None:
            return
        latency = summary.latency_ms
        self.fps_chart.show_end(summary.fps)
        self.latency_chart.show_end(latency.p50, latency.p95, latency.p99)
        self.throughput_chart.show_end(self._mean_throughput())
        at_stop = summary.frames_dropped - self._dropped if how == "stopped" else 0
        self.figures.show_summary(summary, at_stop)

    def update_snapshot(self, snapshot: MetricsSnapshot) -> None:
        """Take the newest measurements; while calibrating only the devices are shown."""
        self.device_chart.update_devices(self._smoothed(snapshot))
        if snapshot.nodes:
            self.tabs.setTabVisible(self.tabs.indexOf(self.nodes), True)
            self.nodes.update_snapshot(snapshot)
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
        self.throughput_chart.append(now, fmean(s.throughput_mb_s for s in self._recent or [snapshot]))
        self.load.update_snapshot(snapshot)
        self.compare.show_fps(self.fps)
        self.alerts.update_snapshot(snapshot)

    def _mean_throughput(self) -> float | None:
        values = self.throughput_chart.store.values
        return float(values.mean()) if values.size else None

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
        return tuple(replace(d, fps=fmean(rates[d.id])) for d in snapshot.devices)

    def _make_tabs(self) -> QTabWidget:
        live = QWidget()
        row = QHBoxLayout(live)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for chart in (self.fps_chart, self.latency_chart, self.throughput_chart, self.device_chart):
            row.addWidget(chart, 4 if chart in (self.latency_chart, self.device_chart) else 3)
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.setCornerWidget(self.pause_button)
        for widget, title in (
            (_scrolled(live), "Live"),  # the charts alone are scrolled: figures and tabs stay in sight
            (_scrolled(self.load), "Load"),
            (self.compare, "Single and parallel"),
            (self._alerts_page, "Alerts"),
            (self.nodes, "Nodes"),
        ):
            tabs.addTab(widget, tr(title))
        tabs.setTabVisible(tabs.indexOf(self.nodes), False)
        self.alerts.changed.connect(self._count_alerts)
        return tabs

    def _make_pause(self) -> QToolButton:
        button = QToolButton()
        button.setText(tr("❚❚ Pause"))
        button.setCheckable(True)
        button.setAutoRaise(True)
        button.setShortcut("Ctrl+P")
        button.setToolTip(
            tr("Keep the charts still to look at them; the run and its recording go on (Ctrl+P)")
        )
        button.setAccessibleName(tr("Pause the charts"))
        button.toggled.connect(self.set_paused)
        return button

    def _count_alerts(self, active: int) -> None:
        self.tabs.setTabText(
            self.tabs.indexOf(self._alerts_page),
            tr("▲ Alerts ({0})").format(active) if active else tr("Alerts"),
        )
        rules = [rule_text(rule) for rule in self.alerts.monitor.active if rule.origin == "user"]
        self.figures.show_alerts(sorted(rules))  # a target that is missed has its own words there


def _scrolled(page: QWidget) -> QScrollArea:
    """Return the page in an area that scrolls sideways where the window is narrower than the page can be."""
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setMinimumHeight(page.minimumSizeHint().height())
    return area
