"""What the run costs and where frames wait: queues, losses, processor and memory, and each device over time."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from cluster4npu.core.metrics.snapshot import MetricsSnapshot
from cluster4npu.ui.dashboard.chart import LiveChart
from cluster4npu.ui.dashboard.heatmap import ResourceUtilizationHeatmap
from cluster4npu.ui.text import tr


class LoadPanel(QWidget):
    """Four charts and a heatmap, fed with snapshots."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.queue_chart = LiveChart(tr("Queues"), tr("frames"), [tr("device"), tr("order"), tr("buffer")])
        self.loss_chart = LiveChart(tr("Lost"), tr("frames"), [tr("dropped"), tr("failed"), tr("restarts")])
        self.cpu_chart = LiveChart(tr("Host CPU"), "%", [tr("all cores")])
        self.memory_chart = LiveChart(tr("Memory"), tr("MB"), [tr("engine")])
        self.heatmap = ResourceUtilizationHeatmap()
        self.charts = (self.queue_chart, self.loss_chart, self.cpu_chart, self.memory_chart)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for chart in self.charts:
            layout.addWidget(chart, 3)
        layout.addWidget(self.heatmap, 4)
        self.queue_chart.setToolTip(
            tr("Frames that wait at devices, for an earlier frame, and in the buffer in all")
        )
        self.loss_chart.setToolTip(
            tr("Frames dropped and failed, and workers started again, since the run began")
        )

    def update_snapshot(self, snapshot: MetricsSnapshot) -> None:
        """Add the newest figures."""
        now = snapshot.elapsed_s
        devices = snapshot.devices
        waiting = sum(device.queue for device in devices)
        self.queue_chart.append(now, waiting, snapshot.reorder_waiting, snapshot.ring_used)
        restarts = sum(device.restarts for device in devices)
        self.loss_chart.append(now, snapshot.frames_dropped, snapshot.frames_failed, restarts)
        memory = snapshot.host_memory_bytes
        self.cpu_chart.append(now, None if snapshot.host_cpu is None else 100.0 * snapshot.host_cpu)
        self.memory_chart.append(now, None if memory is None else memory / 1e6)
        self.heatmap.append(now, {device.id: device.busy for device in devices})

    def clear(self) -> None:
        """Forget every value."""
        for chart in self.charts:
            chart.clear()
        self.heatmap.clear()
