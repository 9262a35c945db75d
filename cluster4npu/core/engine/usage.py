"""Who used the frames of a run that is spread over workers, and what was computed for nobody.

Each frame that is handed on notes who took it: sinks (one that has a rate takes no more than its rate), the preview
when it shows the frame, and a caller who reads results. A node's work on a frame was of use when any of those that it
feeds took that frame.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from cluster4npu.core.engine.costs import StageCosts
from cluster4npu.core.engine.intake import Inlet
from cluster4npu.core.engine.lane import Lane
from cluster4npu.core.engine.pool import WorkerPool
from cluster4npu.core.metrics.summary import ModeSummary, NodeSummary
from cluster4npu.core.nodes.base import InOrderNode, Place, SinkNode
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.rates import rate_of


class Usage:
    """Counts the frames of a segment by the set of sinks that took them."""

    def __init__(self, graph: Graph, *, results: bool) -> None:
        """`results`: a caller reads what all sinks could take."""
        self._graph = graph
        sinks = [node for node in graph.at(Place.SINK) if isinstance(node, SinkNode)]
        previews = {node.id for node in sinks if type(node).append is SinkNode.append}
        self._all = frozenset(node.id for node in sinks)
        self._shown = frozenset(previews)
        self._always = (
            self._all
            if results
            else frozenset(node.id for node in sinks if node.id not in previews and rate_of(node) is None)
        )
        periods = {n.id: rate_of(n) for n in sinks if n.id not in previews | self._always}
        self._period_ns = {name: int(ms * 1e6) for name, ms in periods.items() if ms is not None}
        remembering = {node.id for node in graph.nodes.values() if isinstance(node, InOrderNode)}
        self._all |= remembering
        self._always |= remembering  # each frame goes into what they know
        self._due_ns: dict[tuple[str, str], int] = {}  # by sink and source
        self._frames: Counter[tuple[str, frozenset[str]]] = Counter()  # by source and who took it

    def took(self, source: str, *, shown: bool) -> None:
        """Note that a frame was handed on; `shown`: the preview has got it."""
        takers = self._always | self._shown if shown else self._always
        if self._period_ns:
            takers |= self._asked(source)
        self._frames[source, takers] += 1

    def _asked(self, source: str) -> set[str]:
        """Return the sinks whose time has come to take a frame of this source again."""
        now, asked = time.monotonic_ns(), set()
        for name, period_ns in self._period_ns.items():
            due_ns = self._due_ns.get((name, source), 0)
            if now >= due_ns:
                asked.add(name)
                self._due_ns[name, source] = (due_ns if due_ns + period_ns > now else now) + period_ns
        return asked

    def frames_for(self, node: str, sources: Iterable[str]) -> int:
        """Return how many frames of these sources somebody took that this node feeds."""
        behind = {sink for sink in self._all if node in self._graph.upstream(sink)}
        wanted = set(sources)
        return sum(
            count for (source, takers), count in self._frames.items() if source in wanted and takers & behind
        )


def waste_of(
    graph: Graph,
    usage: Usage,
    inlets: Sequence[Inlet],
    lanes: Sequence[Lane],
    pool: WorkerPool,
    wall_s: float,
) -> ModeSummary:
    """Return what each source, and each node in the workers, did in a segment, and what of that for nobody."""
    rows: dict[str, NodeSummary] = {}
    for inlet in inlets:
        made, _ = inlet.in_and_dropped()
        used = usage.frames_for(inlet.node_id, (inlet.node_id,))
        rows[inlet.node_id] = _row(inlet.node_id, made, made - used, inlet.feeder.cost_s, wall_s)
    for lane in lanes:
        stage, costs = lane.stage, StageCosts()
        for worker in pool.of(stage.index):
            if worker.costs:
                costs.add(worker.costs)
        for node in (*stage.before, stage.node_id, *stage.after):
            each = node in stage.each or (bool(stage.each) and node == stage.node_id)
            runs = lane.runs if each else lane.ended
            if costs.frames and not costs.runs(node) and not each:
                continue  # a model that needs no input leaves out what would make it
            before = node in stage.before and node not in stage.after  # works for this stage's model only
            used = usage.frames_for(stage.node_id if before else node, stage.sources)
            unused = runs * (lane.ended - used) / lane.ended if lane.ended else 0
            rows[node] = _sum(rows.get(node), _row(node, runs, round(unused), costs.mean_s(node), wall_s))
    return ModeSummary("", wall_s, tuple(rows[node] for node in graph.nodes if node in rows))


def _row(node: str, computes: int, unused: int, cost_s: float, wall_s: float) -> NodeSummary:
    unused = max(0, unused)
    per_s = computes / wall_s if wall_s else 0.0
    return NodeSummary(node, computes, per_s, unused, computes * cost_s, unused * cost_s)


def _sum(one: NodeSummary | None, other: NodeSummary) -> NodeSummary:
    """Add what a node did in several stages, each of which made its value anew."""
    if one is None:
        return other
    return NodeSummary(
        one.id,
        one.computes + other.computes,
        one.per_s + other.per_s,
        one.unused + other.unused,
        one.cpu_s + other.cpu_s,
        one.wasted_cpu_s + other.wasted_cpu_s,
    )
