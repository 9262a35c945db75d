"""The benchmark on the real engine: worker processes, shared memory, and simulated devices of known speed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cluster4npu.core.bench import BenchmarkCancelled, BenchmarkOptions, PerformanceBenchmarker, Profile
from cluster4npu.core.store import Store
from tests.core.bench.test_benchmarker import pipeline

SHORT = Profile(
    "short", "Short", leg_s=0.4, pairs=3, ramp_s=0.1, survey_s=0.3, warm_up_s=0.3, warm_up_window_s=0.1,
    warm_up_limit_s=0.6, parity_frames=4,
)  # fmt: skip


def test_known_delays_are_recovered(tmp_path: Path) -> None:
    path = tmp_path / "results.duckdb"
    benchmarker = PerformanceBenchmarker(BenchmarkOptions(profile=SHORT, store=path))
    result = benchmarker.run(pipeline("sim:a?ms=10", "sim:b?ms=20"))
    assert result.invalid_reason.endswith("profile too short")
    assert result.best_single == "sim:a?ms=10"
    assert result.single["sim:a?ms=10"].fps == pytest.approx(100, rel=0.2)
    assert result.single["sim:b?ms=20"].fps == pytest.approx(50, rel=0.2)
    assert result.speedup is not None
    assert 1.2 < result.speedup.ratio < 1.8
    assert [worker.unit for worker in result.workers] != ["unknown", "unknown"]
    with Store(path) as store:
        assert store.runs()[0].id == result.run_id
        assert len(store.samples(result.run_id)) > 100


def test_cancel_comes_soon(tmp_path: Path) -> None:
    path = tmp_path / "results.duckdb"
    begin = time.monotonic()
    asked_at: list[float] = []

    def cancelled() -> bool:
        if time.monotonic() - begin > 1.5 and not asked_at:
            asked_at.append(time.monotonic())
        return bool(asked_at)

    benchmarker = PerformanceBenchmarker(BenchmarkOptions(profile="certified", store=path))
    with pytest.raises(BenchmarkCancelled):
        benchmarker.run(pipeline("sim:a?ms=10", "sim:b?ms=500"), cancelled=cancelled)
    assert time.monotonic() - asked_at[0] < 5.0  # within a second on a machine that is not busy otherwise
    assert Store(path).runs() == []
