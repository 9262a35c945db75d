"""What a run in one process tells: the live snapshot, and the summary with what each node did in each mode."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cluster4npu.core.demand import NodeCounts, waste_report
from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.engine.on_demand.models import LoadedModel
from cluster4npu.core.engine.on_demand.periods import Period
from cluster4npu.core.metrics.meter import HostMeter
from cluster4npu.core.metrics.snapshot import MetricsSnapshot, NodeSnapshot, SourceSnapshot
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import ModeSummary, NodeSummary, RunSummary, SourceSummary
from cluster4npu.core.nodes.base import Delivery
from cluster4npu.core.pipeline.demand_plan import DemandPlan

if TYPE_CHECKING:
    from cluster4npu.core.engine.on_demand.pipeline import RunningPipeline

_MOST_LATENCIES = 100_000  # of the last results
_RATE_S = 2.0  # rates of nodes are told over at least this time: some compute twice a second


class Reporter:
    """The figures of one run. Frames in are those that were made, and those dropped since the machine was late.

    Frames that nobody asked for are no loss, and are counted apart.
    """

    def __init__(
        self, running: RunningPipeline, models: Mapping[str, LoadedModel], options: RunOptions
    ) -> None:
        self._running, self._models, self._options = running, models, options
        self._latency_ms: deque[float] = deque(maxlen=_MOST_LATENCIES)
        self._period_ms: deque[float] = deque(maxlen=_MOST_LATENCIES)
        self._host = HostMeter()
        self._rates: tuple[NodeSnapshot, ...] = ()
        self._rated_s = 0.0
        self._before: Mapping[str, NodeCounts] = running.counts()
        self._last_made, self._last_s = 0, 0.0
        self._end_s: float | None = None
        self.hung = False  # a computation did not end in time

    def delivered(self, delivery: Delivery) -> None:
        """Count one result that reached a sink."""
        self._latency_ms.append(delivery.latency_ms)
        self._period_ms.append(delivery.latency_ms)

    def end(self) -> None:
        """Let the time stand still."""
        self._end_s = self._running.elapsed_s

    def snapshot(self, state: str) -> MetricsSnapshot:
        """Return the figures of this moment and begin the next period."""
        now_s = self._now_s()
        self._host.update([os.getpid()])
        counts = self._running.counts()
        if now_s - self._rated_s >= _RATE_S:
            self._rates = _rates(self._before, counts, now_s - self._rated_s)
            self._before, self._rated_s = counts, now_s
        made = self._made(counts)
        seconds = max(now_s - self._last_s, 1e-9)
        fps = (made - self._last_made) / seconds
        self._last_made, self._last_s = made, now_s
        values = [self._period_ms.popleft() for _ in range(len(self._period_ms))]
        ranks = [float(v) for v in np.percentile(values, [50, 95, 99])] if values else [None] * 3
        late = self._late()
        return MetricsSnapshot(
            elapsed_s=now_s,
            state=state,
            frames_in=made + late,
            frames_out=made,
            frames_dropped=late,
            frames_failed=0,
            in_flight=0,
            fps=fps,
            throughput_mb_s=0.0,
            latency_mean_ms=float(np.mean(values)) if values else None,
            latency_p50_ms=ranks[0],
            latency_p95_ms=ranks[1],
            latency_p99_ms=ranks[2],
            buffer_full_waits=0,
            ring_slots=0,
            ring_used=0,
            reorder_waiting=0,
            devices=(),
            host_cpu=self._host.cpu,
            host_memory_bytes=self._host.memory_bytes,
            progress=self._progress(now_s),
            reconnects=self._reconnects(),
            mode=self._running.mode,
            nodes=self._rates,
            sources=tuple(
                SourceSnapshot(source.id, source.frames_in, source.frames_dropped, source.frames_out, 0, 0)
                for source in self._sources(now_s)
            ),
        )

    def summary(self) -> RunSummary:
        """Return how the run ended."""
        now_s = self._now_s()
        sources = self._sources(now_s)
        made, late = sum(s.frames_out for s in sources), self._late()
        total = sum(model.frames for model in self._models.values())
        return RunSummary(
            frames_in=made + late,
            frames_out=made,
            frames_dropped=late,
            frames_failed=0,
            fps=made / now_s if now_s else 0.0,
            wall_s=now_s,
            latency_ms=LatencyStats.of(list(self._latency_ms)),
            devices=tuple(model.summary(now_s, total) for model in self._models.values()),
            buffer_full_waits=0,
            restarts=0,
            out_of_order=0,
            policy="",
            simulated=self._running.plan.simulated,
            execution=self._running.plan.config.execution,
            reconnects=self._reconnects(),
            sources=sources,
            frames_not_asked=sum(
                max(0, line.reader.offered - source.frames_in)
                for line, source in zip(self._running.lines, sources, strict=True)
            ),
            host_peak_bytes=self._host.peak_bytes,
            spans=self._running.spans,
            warnings=("what was being computed did not end in time and was left behind",)
            if self.hung
            else (),
            modes=tuple(summarize(p) for p in self._running.periods.all(now_s) if p.seconds > 0),
        )

    @staticmethod
    def nothing(plan: DemandPlan) -> RunSummary:
        """Return the summary of a run that never began."""
        nothing = LatencyStats.of([])
        return RunSummary(
            0, 0, 0, 0, 0.0, 0.0, nothing, (), 0, 0, 0, "", plan.simulated, execution=plan.config.execution
        )

    def _sources(self, now_s: float) -> tuple[SourceSummary, ...]:
        """Return what each source made and lost. On demand a beat that falls out loses none: asks get the newest."""
        counts, found = self._running.execution.counts(), []
        for line in self._running.lines:
            made = counts[line.name(line.source)].computes
            late = line.reader.late if self._running.plan.style == "push" else 0
            fps = made / now_s if now_s else 0.0
            found.append(SourceSummary(line.source, made + late, made, late, 0, fps))
        return tuple(found)

    def _late(self) -> int:
        return sum(source.frames_dropped for source in self._sources(0.0))

    def _reconnects(self) -> int:
        return sum(line.reader.reconnects for line in self._running.lines)

    def _made(self, counts: Mapping[str, NodeCounts]) -> int:
        return sum(counts[source].computes for source in self._running.plan.sources)

    def _now_s(self) -> float:
        return self._running.elapsed_s if self._end_s is None else self._end_s

    def _progress(self, now_s: float) -> float | None:
        offered = sum(line.reader.offered for line in self._running.lines)
        if self._options.seconds is not None:
            return min(1.0, now_s / self._options.seconds)
        return min(1.0, offered / self._options.frames) if self._options.frames is not None else None


def _rates(
    before: Mapping[str, NodeCounts], now: Mapping[str, NodeCounts], seconds: float
) -> tuple[NodeSnapshot, ...]:
    rates = []
    for name, counts in now.items():
        new = counts - before.get(name, NodeCounts())
        rates.append(
            NodeSnapshot(name, new.computes / seconds, None if new.cost_s is None else new.cost_s * 1e3)
        )
    return tuple(rates)


def summarize(period: Period) -> ModeSummary:
    """Return what each node did in one mode, and for nobody, in the order of the graph."""
    waste = {row.node: row for row in waste_report(period.counts, period.seconds).nodes}
    nodes = []
    for name, counts in period.counts.items():
        row = waste.get(name)
        nodes.append(
            NodeSummary(
                id=name,
                computes=counts.computes,
                per_s=counts.computes / period.seconds,
                unused=row.unused if row else 0,
                cpu_s=counts.cpu_s,
                wasted_cpu_s=row.wasted_cpu_s if row else 0.0,
            )
        )
    return ModeSummary(period.mode, period.seconds, tuple(nodes))
