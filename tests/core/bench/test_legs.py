"""What counts of a segment, and how legs become windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster4npu.core.bench.legs import cut, windows
from cluster4npu.core.engine.messages import RunOptions, Segment
from cluster4npu.core.metrics.traces import FRAME_TRACE, STATUS_FAILED
from cluster4npu.core.pipeline.config import PipelineConfig
from tests.core.bench.fake import FakeEngine


def segment(
    ms: dict[str, float], seconds: float, window: int | None = None, noise: float = 0.0
) -> np.ndarray:
    engine = FakeEngine(ms, noise=noise)(PipelineConfig(), RunOptions(devices=tuple(ms)))
    traces = engine.measure(Segment(tuple(ms), seconds=seconds, window=window)).summary.traces
    assert traces is not None
    return traces


@pytest.mark.parametrize("ms", [3.0, 20.0, 100.0])
def test_the_rate_of_a_steady_device_is_exact(ms: float) -> None:
    leg = cut(segment({"sim:a": ms}, 3.0, window=6), 0.5)
    assert leg.fps == pytest.approx(1000 / ms, rel=1e-4)
    assert leg.ramp_s >= 0.39
    assert leg.latency_ms == pytest.approx(6 * ms, rel=0.01)  # six under way from beginning to end
    assert leg.service_ms == pytest.approx(ms, rel=1e-6)


def test_bursts_of_ordered_delivery_do_not_round_the_rate() -> None:
    leg = cut(segment({"sim:a": 20.0, "sim:b": 50.0, "sim:c": 100.0}, 3.0), 0.3)
    assert leg.fps == pytest.approx(80.0, rel=0.02)
    shares = [float((leg.worker == w).mean()) for w in range(3)]
    assert shares == pytest.approx([0.625, 0.25, 0.125], abs=0.02)


def test_the_drain_is_not_counted() -> None:
    traces = segment({"sim:a": 10.0, "sim:b": 10.0}, 2.0)
    leg = cut(traces, 0.2)
    assert leg.end_ns <= int(traces["captured_ns"].max())
    assert leg.frames < len(traces)
    assert leg.fps == pytest.approx(200, rel=0.01)


def test_every_worker_has_finished_a_frame_before_counting() -> None:
    leg = cut(segment({"sim:a": 1.0, "sim:slow": 400.0}, 2.0), 0.05)
    assert leg.ramp_s >= 0.39


def test_failed_frames_are_not_counted() -> None:
    traces = segment({"sim:a": 10.0}, 2.0, window=4)
    whole = cut(traces, 0.2)
    traces["status"][100:120] = STATUS_FAILED
    assert cut(traces, 0.2).frames == whole.frames - 20


def test_nothing_measured() -> None:
    leg = cut(np.zeros(0, dtype=FRAME_TRACE), 0.5)
    assert (leg.frames, leg.fps, leg.seconds) == (0, 0.0, 0.0)
    assert windows([leg], 3) == []
    one = cut(segment({"sim:a": 10.0}, 0.001, window=1), 0.5)
    assert one.fps == 0.0


@settings(deadline=None, max_examples=30)
@given(
    st.floats(2.0, 60.0),
    st.floats(0.0, 0.3),
    st.integers(1, 5),
    st.integers(1, 8),
)
def test_windows_share_out_every_frame(ms: float, noise: float, legs: int, count: int) -> None:
    measured = [cut(segment({"sim:a": ms}, 1.0, window=4, noise=noise), 0.1) for _ in range(legs)]
    found = windows(measured, count)
    assert len(found) == count
    assert sum(w.fps * w.seconds for w in found) == pytest.approx(sum(leg.frames for leg in measured))
    assert sum(w.seconds for w in found) == pytest.approx(sum(leg.seconds for leg in measured))
