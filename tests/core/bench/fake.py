"""An engine without processes and without waiting: its devices compute in a time of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np

from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.engine.messages import Result, RunOptions, Segment, SegmentFinished
from cluster4npu.core.errors import Cancelled
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import DeviceSummary, RunSummary
from cluster4npu.core.metrics.traces import FRAME_TRACE
from cluster4npu.core.nodes.values import Value
from cluster4npu.core.pipeline.config import PipelineConfig

RING = 32


@dataclass
class FakeEngine:
    """Stands for an engine. `ms` maps a device (without options) to its service time; what else a test changes:

    `slow_down(device, segment number)` multiplies service times, `answer(device, frame)` gives results, `fail` is
    the number of frames that fail in each segment.
    """

    ms: dict[str, float]
    noise: float = 0.0
    seed: int = 0
    slow_down: Callable[[str, int], float] = lambda device, number: 1.0
    answer: Callable[[str, int], dict[str, Value]] = lambda device, frame: {}
    fail: int = 0
    segments: list[Segment] = field(default_factory=list)
    options: RunOptions | None = None
    open: int = 0
    now_ns: int = 10**9

    def __call__(self, pipeline: PipelineConfig, options: RunOptions) -> FakeEngine:
        self.options = options
        self.rng = np.random.default_rng(self.seed)
        return self

    def __enter__(self) -> FakeEngine:
        self.open += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.open -= 1

    def measure(self, segment: Segment, cancelled: Callable[[], bool] | None = None) -> SegmentFinished:
        if cancelled is not None and cancelled():
            raise Cancelled
        self.segments.append(segment)
        traces = self._frames(segment)
        results = ()
        if segment.results:
            device = segment.devices[0]
            results = tuple(Result(i, device, 1.0, None, self.answer(device, i)) for i in range(len(traces)))
        return SegmentFinished(self._summary(traces), results)

    def _frames(self, segment: Segment) -> np.ndarray:
        assert self.options is not None
        assert self.options.devices is not None
        index = [self.options.devices.index(d) for d in segment.devices]
        number = len(self.segments)
        free = dict.fromkeys(segment.devices, self.now_ns)
        window = min(segment.window or RING, RING)
        end = self.now_ns + int((segment.seconds or 1e9) * 1e9)
        begin, rows, delivered = self.now_ns, [], [self.now_ns]
        schedule = segment.arrivals.schedule() if segment.arrivals else None
        while len(rows) < (segment.frames or 10**9):
            captured = max(begin, delivered[-window]) if len(delivered) > window else begin
            due = begin + schedule.due_ns(len(rows)) if schedule else captured
            captured = max(captured, due)
            if captured > end:
                break
            name = min(free, key=lambda d: free[d] + self._service_ns(d, number))
            started = max(captured, free[name])
            noise = float(np.exp(self.rng.normal(0, self.noise))) if self.noise else 1.0
            finished = started + int(self._service_ns(name, number) * noise)
            free[name] = finished
            out = max(finished, delivered[-1]) if rows else finished
            delivered.append(out)
            worker = index[segment.devices.index(name)]
            status = 1 if len(rows) < self.fail else 0
            rows.append((len(rows), worker, status, due, captured, started, started, finished, finished, out))
        self.now_ns = max(delivered) + 10**6
        return np.array(rows, dtype=FRAME_TRACE)

    def _service_ns(self, device: str, number: int) -> float:
        return self.ms[DeviceId.parse(device).device] * 1e6 * self.slow_down(device, number)

    def _summary(self, traces: np.ndarray) -> RunSummary:
        assert self.options is not None
        assert self.options.devices is not None
        none = LatencyStats.of([])
        devices = tuple(
            DeviceSummary(d, d, "fake", d.startswith("sim"), 1, 0.5, 0.9, 1.0, none, startup_ms=5.0)
            for d in self.options.devices
        )
        failed = int((traces["status"] == 1).sum())
        count = len(traces)
        return RunSummary(
            count, count - failed, 0, failed, 1.0, 1.0, none, devices, 0, 0, 0, "smooth", True, traces=traces
        )
