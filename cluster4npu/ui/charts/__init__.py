"""Charts of stored runs: each run's speedup, timeline and devices, and how one question went over time."""

from cluster4npu.ui.charts.components import AdvancedChartComponents
from cluster4npu.ui.charts.speedup import SpeedupComparisonChart
from cluster4npu.ui.charts.timeline import ParallelTimelineChart
from cluster4npu.ui.charts.trend import PerformanceTrendChart
from cluster4npu.ui.dashboard.heatmap import ResourceUtilizationHeatmap

__all__ = [
    "AdvancedChartComponents",
    "ParallelTimelineChart",
    "PerformanceTrendChart",
    "ResourceUtilizationHeatmap",
    "SpeedupComparisonChart",
]
