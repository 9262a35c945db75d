"""Charts of stored runs: how one question went over time."""

from cluster4npu.ui.charts.trend import PerformanceTrendChart

__all__ = ["PerformanceTrendChart"]
