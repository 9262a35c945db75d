"""Benchmarks: each device alone against all of them together, by the method that docs/benchmarks tells."""

from cluster4npu.core.bench.options import (
    PROFILES,
    SCENARIOS,
    BenchmarkOptions,
    BenchmarkProgress,
    Profile,
    Scenario,
)
from cluster4npu.core.bench.result import BenchmarkResult, SideFigures, Speedup, WorkerFigures

__all__ = [
    "PROFILES",
    "SCENARIOS",
    "BenchmarkOptions",
    "BenchmarkProgress",
    "BenchmarkResult",
    "Profile",
    "Scenario",
    "SideFigures",
    "Speedup",
    "WorkerFigures",
]
