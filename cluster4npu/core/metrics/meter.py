"""Counting while a segment runs: every delivered frame goes through `Meter.count` once."""

from __future__ import annotations

import contextlib
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import psutil

from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.traces import FRAME_TRACE

_CHUNK = 4096


@dataclass(slots=True)
class DeviceCount:
    """What one worker has done: over the whole segment, and since the last snapshot.

    `frames` are those of its frames that were delivered, so that all workers' add up to what came out.
    """

    frames: int = 0
    busy_ns: int = 0
    service_ms: array[float] = field(default_factory=lambda: array("f"))
    period_frames: int = 0
    period_busy_ns: int = 0

    def reset_period(self) -> None:
        self.period_frames = self.period_busy_ns = 0


class TraceLog:
    """Every frame's stamps, kept in chunks so that a long run never copies what it has."""

    def __init__(self) -> None:
        self._chunks: list[np.ndarray] = []
        self._used = _CHUNK

    def append(self, row: tuple[int, ...]) -> None:
        """Add one FRAME_TRACE row."""
        if self._used == _CHUNK:
            self._chunks.append(np.empty(_CHUNK, FRAME_TRACE))
            self._used = 0
        self._chunks[-1][self._used] = row
        self._used += 1

    def array(self) -> np.ndarray:
        """Return all rows as one array."""
        if not self._chunks:
            return np.empty(0, FRAME_TRACE)
        return np.concatenate([*self._chunks[:-1], self._chunks[-1][: self._used]])


class Meter:
    """The figures of one segment."""

    def __init__(self, workers: int, *, traces: bool) -> None:
        self.start_ns = time.monotonic_ns()
        self.last_ns = self.start_ns
        self.out = self.failed = self.waits = self.out_of_order = 0
        self.bytes = 0
        self.latency_ms: array[float] = array("f")
        self.devices = [DeviceCount() for _ in range(workers)]
        self.traces = TraceLog() if traces else None
        self._period_ns = self.start_ns
        self._period_out = self._period_bytes = 0
        self._period_latency: list[float] = []

    def finished(self, worker: int, started_ns: int, finished_ns: int) -> None:
        """Count one frame that a worker has finished."""
        device = self.devices[worker]
        spent = finished_ns - started_ns
        device.busy_ns += spent
        device.service_ms.append(spent / 1e6)
        device.period_frames += 1
        device.period_busy_ns += spent

    def delivered(self, worker: int, latency_ms: float, nbytes: int, now_ns: int) -> None:
        """Count one frame of this worker that was handed on in order."""
        self.out += 1
        self.devices[worker].frames += 1
        self.bytes += nbytes
        self.last_ns = now_ns
        self.latency_ms.append(latency_ms)
        self._period_out += 1
        self._period_bytes += nbytes
        self._period_latency.append(latency_ms)

    def period(self) -> Period:
        """Return the rates since the last call and begin the next period. (Reset the devices' part yourself.)"""
        now = time.monotonic_ns()
        seconds = max((now - self._period_ns) / 1e9, 1e-9)
        values = np.asarray(self._period_latency)
        ranks = [float(v) for v in np.percentile(values, [50, 95, 99])] if values.size else [None] * 3
        result = Period(
            seconds=seconds,
            fps=self._period_out / seconds,
            mb_s=self._period_bytes / seconds / 1e6,
            latency_mean_ms=float(values.mean()) if values.size else None,
            latency_ranks_ms=tuple(ranks),
        )
        self._period_ns = now
        self._period_out = self._period_bytes = 0
        self._period_latency.clear()
        return result

    def latency(self) -> LatencyStats:
        """Return the end-to-end latency of the whole segment."""
        return LatencyStats.of(np.frombuffer(self.latency_ms, np.float32))

    def service(self, worker: int) -> LatencyStats:
        """Return a worker's service time over the whole segment."""
        return LatencyStats.of(np.frombuffer(self.devices[worker].service_ms, np.float32))


@dataclass(frozen=True, slots=True)
class Period:
    """Rates of one reporting period. `latency_ranks_ms`: p50, p95 and p99 of what was delivered in it."""

    seconds: float
    fps: float
    mb_s: float
    latency_mean_ms: float | None
    latency_ranks_ms: tuple[float | None, ...]


class HostMeter:
    """CPU of the whole host and memory of our own processes, looked up at most once a second."""

    def __init__(self) -> None:
        self.cpu: float | None = None
        self.memory_bytes: int | None = None
        self._next = 0.0
        psutil.cpu_percent(None)

    def update(self, pids: Sequence[int]) -> None:
        """Look again when a second has passed."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 1.0
        self.cpu = psutil.cpu_percent(None) / 100
        total = 0
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                total += psutil.Process(pid).memory_info().rss
        self.memory_bytes = total or None
