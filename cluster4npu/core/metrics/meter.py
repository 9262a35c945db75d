"""Counting while a segment runs: every frame that ends goes through `Meter.ended` once."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import psutil

from cluster4npu.core.metrics.samples import Samples
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.traces import (
    FRAME_TRACE,
    STATUS_DELIVERED,
    STATUS_FAILED,
    STATUS_PASSED,
    shared_ms,
)

_CHUNK = 4096  # frames
_SPAN = np.dtype([("started_ns", np.int64), ("finished_ns", np.int64)])  # of FRAME_TRACE
MOST_KEPT = 1 << 18  # frames of a run whose stamps are kept: 17 MB


@dataclass(slots=True)
class DeviceCount:
    """What one worker has done: over the whole segment, and since the last snapshot.

    `frames` are those of its frames that were delivered, so that all workers' add up to what came out.
    """

    frames: int = 0
    busy_ns: int = 0
    service_ms: Samples = field(default_factory=Samples)
    latest: np.ndarray = field(default_factory=lambda: np.empty(0, _SPAN))  # of a batch, maybe not all of it
    period_frames: int = 0
    period_busy_ns: int = 0

    def reset_period(self) -> None:
        self.period_frames = self.period_busy_ns = 0


class TraceLog:
    """The stamps of the newest frames, kept in chunks: nothing is copied, and what is too old is let go of."""

    def __init__(self, most: int | None = None) -> None:
        """Keep at least the `most` newest rows, and a chunk more at most; None: all."""
        self._most = most
        self._chunks: deque[np.ndarray] = deque()
        self._rows = 0
        self.chunks = 0  # portions of rows that have come, to ask for what comes `since`
        self.left_out = 0  # rows that were let go of

    def append(self, rows: np.ndarray) -> None:
        """Add FRAME_TRACE rows; the log keeps them."""
        self._chunks.append(rows)
        self.chunks += 1
        self._rows += len(rows)
        while self._most is not None and self._rows - len(self._chunks[0]) >= self._most:
            gone = len(self._chunks.popleft())
            self._rows -= gone
            self.left_out += gone

    def since(self, chunk: int, most: int) -> np.ndarray:
        """Return the rows that came after so many portions: the newest `most` of them at most."""
        found: list[np.ndarray] = []
        for rows in islice(reversed(self._chunks), self.chunks - chunk):
            found.insert(0, rows[-most:])
            most -= len(found[0])
            if most <= 0:
                break
        return np.concatenate(found) if found else np.empty(0, FRAME_TRACE)

    def array(self) -> np.ndarray:
        """Return all rows that are kept as one array."""
        return np.concatenate(self._chunks) if self._chunks else np.empty(0, FRAME_TRACE)


class Meter:
    """The figures of one segment.

    A frame costs one row of stamps; the rows are counted together, by `settle`: when a chunk of them is full, and
    before anybody reads the figures.
    """

    def __init__(self, workers: int, *, traces: bool, most_traces: int | None = None) -> None:
        self.start_ns = time.monotonic_ns()
        self.last_ns = self.start_ns
        self.out = self.failed = self.waits = self.out_of_order = 0
        self.bytes = 0
        self.latency_ms = Samples()
        self.devices = [DeviceCount() for _ in range(workers)]
        self.traces = TraceLog(most_traces) if traces else None
        self._rows: list[bytes] = []
        self._period_ns = self.start_ns
        self._period_out = self._period_bytes = 0
        self._period_latency: list[np.ndarray] = []

    def start(self) -> None:
        """Begin the segment now: what came before was preparation."""
        self.start_ns = self.last_ns = self._period_ns = time.monotonic_ns()

    def finished(self, worker: int, frames: int, busy_ns: int) -> None:
        """Count frames that a worker has finished, and how long it took for them together."""
        device = self.devices[worker]
        device.busy_ns += busy_ns
        device.period_frames += frames
        device.period_busy_ns += busy_ns

    def ended(self, rows: Sequence[bytes]) -> None:
        """Keep the stamps of frames that were handed on, failed or were dropped, by `traces.pack_row`."""
        self._rows += rows
        if len(self._rows) >= _CHUNK:
            self.settle()

    def settle(self) -> None:
        """Count the frames that have ended since the last time."""
        if not self._rows:
            return
        rows = np.frombuffer(b"".join(self._rows), FRAME_TRACE)
        self._rows.clear()
        if self.traces is not None:
            self.traces.append(rows)
        status, delivered_ns = rows["status"], rows["delivered_ns"]
        self.failed += int(np.count_nonzero(status == STATUS_FAILED))
        self._count_devices(rows)
        delivered = status == STATUS_DELIVERED
        latency_ms = (delivered_ns - rows["scheduled_ns"])[delivered] / 1e6
        if not latency_ms.size:
            return
        self.out += latency_ms.size
        self._period_out += latency_ms.size
        self.last_ns = int(delivered_ns[delivered][-1])
        self.latency_ms.add(latency_ms)
        self._period_latency.append(latency_ms)

    def _count_devices(self, rows: np.ndarray) -> None:
        status = rows["status"]
        computed = (status == STATUS_DELIVERED) | (status == STATUS_PASSED)
        spans = np.empty(len(rows), _SPAN)
        spans["started_ns"], spans["finished_ns"] = rows["started_ns"], rows["finished_ns"]
        for index, device in enumerate(self.devices):
            own = spans[computed & (rows["worker"] == index)]
            if not own.size:
                continue
            device.frames += own.size
            own = np.concatenate([device.latest, own])
            latest = own["started_ns"] == own["started_ns"].max()
            device.latest = own[latest]
            device.service_ms.add(shared_ms(own[~latest]))

    def period(self) -> Period:
        """Return the rates since the last call and begin the next period. (Reset the devices' part yourself.)"""
        self.settle()
        now = time.monotonic_ns()
        seconds = max((now - self._period_ns) / 1e9, 1e-9)
        values = np.concatenate(self._period_latency) if self._period_latency else np.empty(0)
        ranks = [float(v) for v in np.percentile(values, [50, 95, 99])] if values.size else [None] * 3
        result = Period(
            seconds=seconds,
            fps=self._period_out / seconds,
            mb_s=(self.bytes - self._period_bytes) / seconds / 1e6,
            latency_mean_ms=float(values.mean()) if values.size else None,
            latency_ranks_ms=tuple(ranks),
        )
        self._period_ns, self._period_bytes = now, self.bytes
        self._period_out = 0
        self._period_latency.clear()
        return result

    def latency(self) -> LatencyStats:
        """Return the end-to-end latency of the whole segment."""
        self.settle()
        return self.latency_ms.stats()

    def service(self, worker: int) -> LatencyStats:
        """Return a worker's service time over the whole segment; of a batch, each frame counts its share."""
        self.settle()
        device = self.devices[worker]
        device.service_ms.add(shared_ms(device.latest))
        device.latest = device.latest[:0]
        return device.service_ms.stats()


@dataclass(frozen=True, slots=True)
class Period:
    """Rates of one reporting period. `latency_ranks_ms`: p50, p95 and p99 of what was delivered in it."""

    seconds: float
    fps: float
    mb_s: float
    latency_mean_ms: float | None
    latency_ranks_ms: tuple[float | None, ...]


class HostMeter:
    """CPU of the whole host and memory of our own processes, looked up at most once a second.

    What processes share (the ring of frames, the code of libraries) counts once, as much as one of them has of it,
    where the system tells it apart (Linux); elsewhere it counts in each.
    """

    def __init__(self) -> None:
        self.cpu: float | None = None
        self.memory_bytes: int | None = None
        self.peak_bytes: int | None = None  # the highest that was seen
        self._next = 0.0
        psutil.cpu_percent(None)

    def update(self, pids: Sequence[int]) -> None:
        """Look again when a second has passed."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 1.0
        self.cpu = psutil.cpu_percent(None) / 100
        own, shared = 0, [0]
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                memory = psutil.Process(pid).memory_info()
                shared.append(getattr(memory, "shared", 0))
                own += memory.rss - shared[-1]
        total = own + max(shared)
        self.memory_bytes = total or None
        self.peak_bytes = max(total, self.peak_bytes or 0) or None
