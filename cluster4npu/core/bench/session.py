"""One held engine with every worker loaded, on which segments are measured one after the other and kept."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from cluster4npu.core.bench.legs import Leg, cut
from cluster4npu.core.bench.options import BenchmarkOptions, Profile
from cluster4npu.core.bench.pool import BenchmarkPool
from cluster4npu.core.bench.progress import Tracker
from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.engine.engine import Engine, Run
from cluster4npu.core.engine.messages import RunOptions, Segment, SegmentFinished
from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.metrics.traces import FRAME_TRACE
from cluster4npu.core.nodes import node_types
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.store.records import SegmentRecord

SINGLE, PARALLEL = "single", "parallel"

# A device alone gets so many frames at once: two under way as beside others, the others ready. With the whole
# ring a slow device would spend more time draining it than being measured, and latency would be that of the
# queue.
WINDOW_ALONE = 6
_LEAST_FRAMES = 10  # in a leg
_ENOUGH_FRAMES = 5  # to know a rate roughly
_LONGEST_S = 30.0

OpenEngine = Callable[[PipelineConfig, RunOptions], Engine]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """One segment: what counts of it, and all that the engine told of it."""

    leg: Leg
    told: SegmentFinished


@dataclass
class Session:
    """Measures segments. `segments` are kept for the store; `failed`, `restarts` and `out_of_order` add up."""

    run: Run
    pool: BenchmarkPool
    options: BenchmarkOptions
    tracker: Tracker
    cancelled: Callable[[], bool]
    segments: list[SegmentRecord] = field(default_factory=list)
    ramps: dict[tuple[str, ...], float] = field(default_factory=dict)
    rates: dict[tuple[str, ...], float] = field(default_factory=dict)
    failed: int = 0
    dropped: int = 0
    restarts: int = 0
    out_of_order: int = 0
    failures: list[str] = field(default_factory=list)
    told: dict[str, None] = field(default_factory=dict)  # what the engine has warned of, each once
    host_peak_bytes: int | None = None  # with every worker of the benchmark loaded

    @property
    def profile(self) -> Profile:
        """Return how long is measured."""
        return self.options.the_profile()

    def measure(
        self, stage: str, devices: tuple[str, ...], seconds: float, arrivals: Arrivals | None = None
    ) -> Measured:
        """Measure about `seconds` on these workers (settled ids); raises Cancelled, and the engine's error.

        Adds the ramp that these devices had before, and makes it longer for devices so slow that too few
        frames would count. Frames come as fast as they are taken, or on the schedule of `arrivals`.
        """
        if arrivals is not None:
            return self._scheduled(stage, devices, seconds, arrivals)
        profile = self.profile
        slow_s = _LEAST_FRAMES / self.rates[devices] if devices in self.rates else 0.0
        wanted = max(seconds, min(slow_s, _LONGEST_S))
        ramp = max(profile.ramp_s, 1.2 * self.ramps.get(devices, 0.0))
        told = self._segment(Segment(devices, seconds=wanted + ramp, window=self._window(devices)))
        traces = _traces(told)
        leg = cut(traces, profile.ramp_s)
        self.ramps[devices] = max(leg.ramp_s, self.ramps.get(devices, 0.0))
        if leg.fps > 0:
            self.rates[devices] = leg.fps
            self.tracker.measured(leg.fps)
        self._keep(stage, devices, traces, leg)
        _log.debug("%s %s: %.2f frames/s over %.2f s", stage, devices, leg.fps, leg.seconds)
        return Measured(leg, told)

    def _scheduled(
        self, stage: str, devices: tuple[str, ...], seconds: float, arrivals: Arrivals
    ) -> Measured:
        """Measure on a schedule: who sets the pace is not the devices, so neither ramp nor rate is learnt."""
        wanted = seconds + self.profile.ramp_s
        told = self._segment(Segment(devices, seconds=wanted, arrivals=arrivals))
        traces = _traces(told)
        leg = cut(traces, self.profile.ramp_s)
        self.tracker.measured(leg.fps)
        self._keep(stage, devices, traces, leg)
        return Measured(leg, told)

    def survey(self, stage: str, devices: tuple[str, ...], seconds: float) -> Measured:
        """Measure devices of unknown speed: ever longer, until there are frames enough."""
        while True:
            found = self.measure(stage, devices, seconds)
            if found.leg.frames >= _ENOUGH_FRAMES or seconds >= _LONGEST_S:
                return found
            seconds = min(seconds * 3, _LONGEST_S)
            self.tracker.more(seconds)

    def frames(self, stage: str, device: str, count: int) -> SegmentFinished:
        """Run the first `count` frames on one worker and return their results too."""
        told = self._segment(Segment((device,), frames=count, window=WINDOW_ALONE, results=True))
        self._keep(stage, (device,), _traces(told), None)
        return told

    def _window(self, devices: Sequence[str]) -> int | None:
        scenario = self.options.the_scenario()
        if scenario.window is not None:
            return scenario.window
        return WINDOW_ALONE if len(devices) == 1 else None

    def _segment(self, segment: Segment) -> SegmentFinished:
        def asked() -> bool:
            self.tracker.tick()
            return self.cancelled()

        told = self.run.measure(segment, cancelled=asked)
        summary = told.summary
        self.failed += summary.frames_failed
        self.dropped += summary.frames_dropped
        self.out_of_order += summary.out_of_order
        self.restarts = max(self.restarts, summary.restarts)  # counted since the engine was started
        self.failures += summary.failures
        for text in summary.warnings:
            for earlier in [known for known in self.told if _without_times(known) == _without_times(text)]:
                del self.told[earlier]  # the last figure says all
            self.told[text] = None
        if summary.host_peak_bytes is not None:
            self.host_peak_bytes = max(summary.host_peak_bytes, self.host_peak_bytes or 0)
        if summary.frames_failed and not summary.frames_out:
            raise RunFailed(
                Problem(
                    f"every frame failed on {', '.join(segment.devices)}",
                    found=summary.failures[0] if summary.failures else f"{summary.frames_failed} frames",
                    hint="`cluster4npu run` with that device tells more; leave the device out, or mend the model.",
                )
            )
        return told

    def _keep(self, stage: str, devices: tuple[str, ...], traces: np.ndarray, leg: Leg | None) -> None:
        side = PARALLEL if devices == self.pool.together and self.pool.is_compared else SINGLE
        begin, end = (leg.start_ns, leg.end_ns) if leg is not None else (None, None)
        self.segments.append(SegmentRecord(stage, side, devices, self.pool.union, traces, begin, end))


def _traces(told: SegmentFinished) -> np.ndarray:
    traces = told.summary.traces
    return traces if traces is not None else np.zeros(0, dtype=FRAME_TRACE)


@contextmanager
def open_session(
    pipeline: PipelineConfig,
    pool: BenchmarkPool,
    options: BenchmarkOptions,
    tracker: Tracker,
    cancelled: Callable[[], bool],
    open_engine: OpenEngine = Engine,
) -> Iterator[Session]:
    """Start a held engine with every worker that the pool needs, and end it with the block."""
    run_options = RunOptions(
        devices=pool.union, policy=options.policy, hold=True, traces=True, loop=True, seed=options.seed
    )
    with open_engine(without_receivers(pipeline), run_options) as run:
        yield Session(run, pool, options, tracker, cancelled, told=dict.fromkeys(pool.left_out))


def without_receivers(pipeline: PipelineConfig) -> PipelineConfig:
    """Return the pipeline with outputs that send over the network as ones that count: nobody wants these results."""
    types = node_types()
    sending = {n.id for n in pipeline.nodes if n.type in types and getattr(types[n.type], "lossy", False)}
    if not sending:
        return pipeline
    nodes = tuple(
        n.model_copy(update={"type": "count", "params": {}}) if n.id in sending else n for n in pipeline.nodes
    )
    edges = tuple(e for e in pipeline.edges if e.target_node not in sending or e.target_port == "result")
    return pipeline.replace(nodes=nodes, edges=edges)


def _without_times(text: str) -> str:
    """Return a warning without the times in it: the same one of the same device."""
    return re.sub(r"\d+(?:\.\d+)? ms", "# ms", text)
