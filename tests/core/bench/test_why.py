"""Why it is not more: the source, the others, or what they share."""

from __future__ import annotations

from cluster4npu.core.bench import WorkerFigures
from cluster4npu.core.bench.why import why_not_more
from cluster4npu.core.engine.messages import SegmentFinished
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import RunSummary


def told(frames: int, full: int) -> SegmentFinished:
    none = LatencyStats.of([])
    return SegmentFinished(
        RunSummary(frames, frames, 0, 0, 1.0, 1.0, none, (), full, 0, 0, "pull", False), ()
    )


def worker(name: str, busy: float | None, service_ms: float = 10.0) -> WorkerFigures:
    latency = LatencyStats(100, service_ms, None, None, None, None)
    return WorkerFigures(name, name, "CPU", False, 50.0, 0.5, busy, latency)


def test_a_source_that_is_too_slow() -> None:
    found = why_not_more([worker("onnx:cpu", 0.95), worker("onnx:cpu#2", 0.69)], [told(1000, 3)], {})
    assert found == ("onnx:cpu#2 waited 31% of the time for frames: reading and decoding is the limit.",)


def test_devices_that_wait_for_each_other() -> None:
    (found,) = why_not_more([worker("a", 0.5)], [told(1000, 300)], {"a": 10.0})
    assert "delivered in order" in found


def test_devices_that_share_what_they_need() -> None:
    (found,) = why_not_more([worker("a", 0.99, 18.0)], [told(1000, 300)], {"a": 10.0})
    assert found.startswith("a took 1.80 times as long")


def test_nothing_is_said_where_all_were_busy_or_unknown() -> None:
    assert why_not_more([worker("a", 0.97), worker("b", None)], [told(1000, 300)], {"a": 9.5}) == ()
