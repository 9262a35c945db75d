"""Benchmarks of a known rate, made without measuring."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.traces import FRAME_TRACE
from cluster4npu.core.store import DeviceRecord, PipelineRecord, ResultRecord, RunRecord, SegmentRecord

PIPELINE = (
    '{"nodes": [{"id": "m", "type": "inference", "params": {"devices": ["sim:a"], "size": 3}}], "edges": []}'
)


def leg(fps: float, seconds: float = 3.0, latency_ms: float = 20.0) -> np.ndarray:
    """Return the traces of one leg, its deliveries evenly apart."""
    count = round(fps * seconds)
    rows = np.zeros(count, dtype=FRAME_TRACE)
    rows["frame_id"] = np.arange(count)
    rows["delivered_ns"] = 10**9 + (np.arange(1, count + 1) * 1e9 / fps).astype(np.int64)
    rows["finished_ns"] = rows["delivered_ns"]
    rows["scheduled_ns"] = rows["captured_ns"] = rows["delivered_ns"] - int(latency_ms * 1e6)
    return rows


def benchmark(
    fps: float, *, noise: float = 0.005, seed: int = 0, day: int = 0, **fields: object
) -> RunRecord:
    """Return a valid benchmark of one pair of devices with five legs of about this rate."""
    rng = np.random.default_rng(seed)
    segments = []
    for _ in range(5):
        samples = leg(fps * float(np.exp(rng.normal(0, noise))))
        end = int(samples["delivered_ns"][-1])
        segments.append(
            SegmentRecord("pair", "parallel", ("sim:a", "sim:b"), ("sim:a", "sim:b"), samples, 10**9, end)
        )
    latency = LatencyStats.of(np.full(1000, 20.0))
    values: dict[str, object] = {
        "kind": "benchmark",
        "pipeline": PipelineRecord("d" * 64, "digits", PIPELINE),
        "results": (ResultRecord("parallel", fps=fps, latency_ms=latency, frames=900),),
        "devices": (DeviceRecord("sim:a", "sim:a?ms=20", simulated=True),),
        "conditions": {"host": {"name": "h", "cpu": "c", "cores": 2}},
        "detail": {"scenario": "offline", "speedup": 1.5, "load": None},
        "simulated": True,
        "headline": "1.50x FASTER (SIMULATED)",
        "segments": tuple(segments),
        "created_at": datetime(2026, 11, 1, 12, tzinfo=UTC) + timedelta(days=day),
    }
    return RunRecord(**{**values, **fields})  # type: ignore[arg-type]
