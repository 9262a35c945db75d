"""Benchmarks: each device alone against all of them together, side by side in one run."""

from cluster4npu.core.bench.benchmarker import BenchmarkCancelled, PerformanceBenchmarker
from cluster4npu.core.bench.inputs import BenchmarkInput
from cluster4npu.core.bench.load import LoadFigures, SideLoad
from cluster4npu.core.bench.one_side import DeviceBenchmark, SpeedupMetrics
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
    "BenchmarkInput",
    "BenchmarkOptions",
    "BenchmarkProgress",
    "BenchmarkResult",
    "DeviceBenchmark",
    "LoadFigures",
    "PerformanceBenchmarker",
    "Profile",
    "Scenario",
    "SideFigures",
    "SideLoad",
    "Speedup",
    "SpeedupMetrics",
    "WorkerFigures",
]
