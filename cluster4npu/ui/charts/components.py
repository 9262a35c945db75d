"""The charts of a stored run side by side, in tabs: its trend, its speedup, its timeline, how busy its devices were."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtWidgets import QTabWidget, QWidget

from cluster4npu.core.compare import Trend
from cluster4npu.core.metrics.busy import busy_by_second
from cluster4npu.core.store import RunRecord, SegmentRecord
from cluster4npu.ui.charts.speedup import SpeedupComparisonChart
from cluster4npu.ui.charts.timeline import ParallelTimelineChart
from cluster4npu.ui.charts.trend import PerformanceTrendChart
from cluster4npu.ui.dashboard.heatmap import ResourceUtilizationHeatmap
from cluster4npu.ui.text import tr

_TALL_PX = 260


class AdvancedChartComponents(QTabWidget):
    """Every value that is drawn is the store's. Tabs without anything to draw cannot be chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.trend = PerformanceTrendChart()
        self.speedup = SpeedupComparisonChart()
        self.timeline = ParallelTimelineChart()
        self.heatmap = ResourceUtilizationHeatmap()
        self.addTab(self.speedup, tr("Speedup"))
        self.addTab(self.timeline, tr("Timeline"))
        self.addTab(self.heatmap, tr("Busy"))
        self.addTab(self.trend, tr("Trend"))
        self.setDocumentMode(True)
        self.setFixedHeight(_TALL_PX)
        self.setAccessibleName(tr("Charts of the run"))

    def show_run(self, record: RunRecord, segments: Sequence[SegmentRecord], trend: Trend | None) -> None:
        """Show a stored run with its frames (none: they were not read) and the trend that it belongs to."""
        self.speedup.show_run(record)
        self.timeline.show_segments(segments)
        self.heatmap.clear()
        for device, cells in busy(segments).items():
            for second, value in cells.items():
                self.heatmap.append(float(second), {device: value})
        self.trend.show_trend(trend, record.id)
        there = {
            self.speedup: bool(self.speedup.values),
            self.timeline: self.timeline.choice.count() > 0,
            self.heatmap: bool(self.heatmap.rows),
            self.trend: len(self.trend.values) > 1,
        }
        for widget, is_there in there.items():
            self.setTabEnabled(self.indexOf(widget), is_there)
        if not self.isTabEnabled(self.currentIndex()):
            self.setCurrentIndex(next((self.indexOf(w) for w, ok in there.items() if ok), 0))


def busy(segments: Sequence[SegmentRecord]) -> dict[str, dict[int, float]]:
    """Return how busy each worker was in each second since the run's first frame."""
    frames = [s.samples for s in segments if len(s.samples)]
    if not frames:
        return {}
    joined = np.concatenate(frames)
    workers = max((s.workers for s in segments), key=len)
    return busy_by_second(joined, workers, int(joined["scheduled_ns"].min()))
