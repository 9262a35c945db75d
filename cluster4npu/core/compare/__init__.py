"""Comparing stored runs: two of them with an interval, or a refusal with its reason; a gate; trends over time."""

from cluster4npu.core.compare.comparison import Comparison, Figure, compare, compare_runs
from cluster4npu.core.compare.gate import Gate, baseline_for, may_have_baseline
from cluster4npu.core.compare.identity import Identity, differences, refusals
from cluster4npu.core.compare.rates import Measured, measured
from cluster4npu.core.compare.trend import ChangePoint, Trend, TrendPoint, change_points, trend_of, trends

__all__ = [
    "ChangePoint",
    "Comparison",
    "Figure",
    "Gate",
    "Identity",
    "Measured",
    "Trend",
    "TrendPoint",
    "baseline_for",
    "change_points",
    "compare",
    "compare_runs",
    "differences",
    "may_have_baseline",
    "measured",
    "refusals",
    "trend_of",
    "trends",
]
