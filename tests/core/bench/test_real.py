"""The benchmark on the real engine: worker processes, shared memory, and simulated devices of known speed."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.bench import BenchmarkCancelled, BenchmarkOptions, PerformanceBenchmarker, Profile
from cluster4npu.core.bench.load import judge
from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.settings import data_dir
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
        segments = store.segments(result.run_id)
    for segment in segments:
        if segment.stage == "pair":
            assert_littles_law(segment.samples)


def assert_littles_law(samples: np.ndarray) -> None:
    """Frames under way, on average, are the rate times the latency: within 5%."""
    done = samples[samples["delivered_ns"] > 0]
    begin, end = int(done["scheduled_ns"].min()), int(done["delivered_ns"].max())
    moments = np.linspace(begin, end, 4001)
    came = np.searchsorted(np.sort(done["scheduled_ns"]), moments, side="right")
    left = np.searchsorted(np.sort(done["delivered_ns"]), moments, side="right")
    rate_per_s = len(done) / (end - begin) * 1e9
    latency_s = float((done["delivered_ns"] - done["scheduled_ns"]).mean()) / 1e9
    assert float((came - left).mean()) == pytest.approx(rate_per_s * latency_s, rel=0.05)


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
    assert [left for left in tmp_path.iterdir() if left != data_dir()] == []


def test_cameras_on_the_real_engine(tmp_path: Path) -> None:
    """Two cameras of 20 frames/s on devices that do 150: held, and every frame's stamps are kept."""
    path = tmp_path / "results.duckdb"
    options = BenchmarkOptions(
        scenario="multi-stream", profile=SHORT, store=path, streams=2, rate=20.0, limit_ms=150.0
    )
    result = PerformanceBenchmarker(options).run(pipeline("sim:a?ms=10", "sim:b?ms=20"))
    assert result.load is not None
    together = result.load.sides[""]
    assert together.held, result.load.as_dict()
    assert together.unserved == 0
    assert result.parallel is not None
    assert result.parallel.fps == pytest.approx(40, rel=0.2)
    with Store(path) as store:
        kept = store.run(result.run_id)
        segments = store.segments(result.run_id)
    trial = kept.detail["load"]["trials"][-1]
    again = judge(
        segments[trial["segment"]].samples,
        Arrivals(**trial["arrivals"]),
        trial["from_s"],
        trial["to_s"],
        150.0,
    )
    assert again.as_dict()["late"] == trial["late"]
    assert again.frames == trial["frames"]
