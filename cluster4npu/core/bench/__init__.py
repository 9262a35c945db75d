"""Benchmarks: each device alone against all of them together, side by side in one run."""

from cluster4npu.core.bench.benchmarker import BenchmarkCancelled, PerformanceBenchmarker
from cluster4npu.core.bench.load import LoadFigures, SideLoad
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
    "BenchmarkCancelled",
    "BenchmarkOptions",
    "BenchmarkProgress",
    "BenchmarkResult",
    "LoadFigures",
    "PerformanceBenchmarker",
    "Profile",
    "Scenario",
    "SideFigures",
    "SideLoad",
    "Speedup",
    "WorkerFigures",
]
