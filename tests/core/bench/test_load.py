"""Scheduled scenarios: what counts as late, the search for the most that is borne, and its verification."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cluster4npu.core.bench import BenchmarkOptions, BenchmarkResult, PerformanceBenchmarker
from cluster4npu.core.bench.load import judge, side_load
from cluster4npu.core.engine.arrivals import CAMERAS, POISSON, Arrivals
from cluster4npu.core.errors import InputError
from cluster4npu.core.metrics.traces import FRAME_TRACE
from cluster4npu.core.pipeline.config import NodeConfig
from tests.core.bench.fake import FakeEngine
from tests.core.bench.test_benchmarker import MS, bench, pipeline

PAIR_MS = {"sim:a": 10.0, "sim:b": 20.0}


def load(engine: FakeEngine, scenario: str, *devices: str, **options: object) -> BenchmarkResult:
    return bench(engine, *(devices or ("sim:a?ms=10", "sim:b?ms=20")), scenario=scenario, **options)


def served(arrivals: Arrivals, seconds: float, latency_ms: np.ndarray) -> np.ndarray:
    """Return traces of a stretch whose frame i took `latency_ms[i]` from the moment at which it was due."""
    rows = np.zeros(len(latency_ms), dtype=FRAME_TRACE)
    rows["frame_id"] = np.arange(len(latency_ms))
    rows["scheduled_ns"] = (arrivals.schedule().until(seconds)[: len(latency_ms)] * 1e9).astype(np.int64)
    rows["delivered_ns"] = rows["scheduled_ns"] + (latency_ms * 1e6).astype(np.int64)
    return rows


def test_a_stall_is_in_the_p99_as_arithmetic_says() -> None:
    """500 ms without service at 100 frames/s: 50 frames wait 500, 490 ... 10 ms; of 2,000 the p99 is the 20th worst."""
    arrivals, seconds = Arrivals(100.0), 20.2
    latency = np.ones(2020)
    latency[1000:1050] += 500.0 - 10.0 * np.arange(50)
    trial = judge(served(arrivals, seconds, latency), arrivals, 0.1, seconds, 100.0)
    told = trial.as_dict()
    assert told["p99_ms"] == pytest.approx(300.0, rel=0.05)
    assert told["late"] == 41
    assert not trial.held


def test_frames_that_never_came_are_late() -> None:
    arrivals = Arrivals(100.0)
    trial = judge(served(arrivals, 10.0, np.ones(900)), arrivals, 0.0, 10.0, 100.0)
    assert (trial.frames, trial.as_dict()["late"]) == (991, 91)
    assert not trial.held
    assert trial.as_dict()["p99_ms"] is None


def test_the_worst_stream_counts() -> None:
    arrivals = Arrivals(40.0, CAMERAS, 4, seed=1)
    latency = np.ones(800)
    latency[2::40] = 150.0  # camera 2, one frame in ten: 2.5% of all, and more than 1% of its own
    trial = judge(served(arrivals, 20.0, latency), arrivals, 0.0, 20.0, 100.0)
    assert trial.worst_stream == 2
    assert not trial.held
    side = side_load(4.0, None, [trial, trial], False)
    assert (side.runs, side.runs_held, side.worst_stream) == (2, 0, 2)


def test_the_highest_rate_is_found_and_verified() -> None:
    """One server with a service time of 10 ms, random arrivals: within 50 ms up to about 7 of its 10 parts."""
    result = load(FakeEngine(PAIR_MS), "server", limit_ms=50.0, profile="standard")
    assert result.valid, result.invalid_reason
    assert result.load is not None
    alone, together = result.load.sides["sim:a?ms=10"], result.load.sides[""]
    assert alone.held
    assert alone.runs == together.runs == 5
    assert 50 < alone.amount < 85
    assert alone.p99_ms is not None and alone.p99_ms <= 50.0
    assert alone.amount < together.amount < 150
    assert result.speedup is not None
    assert result.speedup.low < result.speedup.ratio < result.speedup.high
    assert result.headline().endswith("FASTER")
    assert "p99 within 50 ms" in result.explanation()
    told = result.as_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["load"]["sides"][""]["amount"] == together.amount


def test_arrivals_of_both_sides_are_the_same_series() -> None:
    engine = FakeEngine(PAIR_MS)
    load(engine, "server", rate=40.0)
    legs = [s for s in engine.segments if s.arrivals is not None][-10:]
    assert "".join("B" if len(s.devices) == 2 else "A" for s in legs) == "ABBAABBAAB"
    for first, second in zip(legs[::2], legs[1::2], strict=True):
        assert first.arrivals == second.arrivals
    assert len({s.arrivals for s in legs}) == 5
    assert all(s.arrivals is not None and s.arrivals.kind == POISSON for s in legs)


def test_the_most_cameras_are_counted() -> None:
    """10 ms a frame: 100 frames/s, 6 cameras of 15; with a device of 20 ms beside it 150, and 9 or 10."""
    result = load(FakeEngine(PAIR_MS), "density", limit_ms=100.0)
    assert result.valid, result.invalid_reason
    assert result.load is not None
    assert result.load.sides["sim:a?ms=10"].amount == 6
    assert result.load.sides[""].amount in (9, 10)
    assert result.speedup is not None
    assert result.speedup.low == result.speedup.ratio == result.speedup.high
    side = result.load.sides[""]
    assert side.refused == side.amount + 1
    assert side.due >= 5 * 662


def test_a_given_load_is_held_or_not() -> None:
    held = load(FakeEngine(PAIR_MS), "multi-stream", streams=4, rate=10.0)
    assert held.valid, held.invalid_reason
    assert held.headline().startswith("4 streams of 10 frames/s held")
    assert held.explanation() == "sim:a?ms=10 alone: held."
    over = load(FakeEngine(PAIR_MS), "multi-stream", streams=30, rate=10.0)
    assert over.headline().startswith("30 streams of 10 frames/s NOT HELD")
    assert over.load is not None
    assert over.load.sides[""].unserved > 0


def test_nothing_can_be_borne() -> None:
    result = load(FakeEngine(PAIR_MS), "server", limit_ms=5.0)
    assert not result.valid
    assert "at any load" in result.invalid_reason
    assert result.speedup is None


def test_a_device_alone_under_load() -> None:
    result = load(FakeEngine(PAIR_MS), "density", "sim:a?ms=10")
    assert result.valid, result.invalid_reason
    assert result.speedup is None
    assert result.headline() == "90.0 FPS on one device"
    assert result.explanation().startswith("6 streams of 15 frames/s with sim:a?ms=10 alone")


@pytest.mark.parametrize(
    "wrong",
    [
        {"scenario": "offline", "rate": 10.0},
        {"scenario": "server", "streams": 3},
        {"scenario": "density", "streams": 3},
        {"scenario": "multi-stream", "limit_ms": 0.0},
        {"scenario": "serve"},
    ],
)
def test_what_a_scenario_does_not_take_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        bench(FakeEngine(MS), **wrong)


def test_a_camera_has_a_pace_of_its_own() -> None:
    plain = pipeline()
    nodes = (NodeConfig(id="source", type="rtsp", params={"url": "rtsp://127.0.0.1:1/a"}), *plain.nodes[1:])
    benchmarker = PerformanceBenchmarker(BenchmarkOptions(scenario="server"), open_engine=FakeEngine(MS))
    with pytest.raises(InputError, match="its own pace"):
        benchmarker.run(plain.replace(nodes=nodes))


def test_options_are_checked_at_once() -> None:
    assert BenchmarkOptions(scenario="density", rate=30.0).the_scenario().streams
