"""What delivery needs to know of a graph: which values go where, and what their classes are called."""

from __future__ import annotations

from collections.abc import Mapping

from cluster4npu.core.engine.delivery import Outlet, Route
from cluster4npu.core.engine.outlets import SinkThread
from cluster4npu.core.nodes.base import FanInNode, Place, WorkerNode
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.plan import ExecutionPlan


class Names:
    """Class names by value (NODE.PORT): those of the node itself, else of what it takes."""

    def __init__(self, graph: Graph, labels: Mapping[str, tuple[str, ...]]) -> None:
        """`labels` are the names that nodes have told, by node."""
        self._graph, self._labels = graph, labels

    def of(self, key: str) -> tuple[str, ...]:
        """Return the names of a value's classes; () where nobody names them."""
        node = self._graph.nodes[key.split(".")[0]]
        own = self._labels.get(node.id) or tuple(getattr(node, "labels", ()))
        if own or node.place is not Place.WORKER:
            return own
        first = next((port.name for port in node.inputs if port.name in self._graph.wires[node.id]), None)
        return self.of(".".join(self._graph.wires[node.id][first])) if first else ()

    def of_crops(self, key: str) -> tuple[str, ...]:
        """Return the names of the classes that were found in crops; () where there are none."""
        node = self._graph.nodes[key.split(".")[0]]
        wires = self._graph.wires[node.id]
        if isinstance(node, FanInNode) and node.each_port in wires:
            return self.of(".".join(wires[node.each_port]))
        return ()


def wired_to_sinks(graph: Graph) -> tuple[str, ...]:
    """Return the values (NODE.PORT) that any sink takes; pictures are none."""
    places = (Place.SOURCE, Place.MUX)
    keys = {
        f"{source}.{port}"
        for sink in graph.at(Place.SINK)
        for source, port in graph.wires[sink.id].values()
        if graph.nodes[source].place not in places
    }
    return tuple(sorted(keys))


def outlet_of(graph: Graph, sink: SinkThread, names: Names) -> Outlet:
    """Return where a sink takes what from."""
    shown = wired_to_sinks(graph)
    wires = {port: f"{node}.{out}" for port, (node, out) in graph.wires[sink.node.id].items()}
    pixels = next((port for port, key in wires.items() if key not in shown), "")
    wires = {port: key for port, key in wires.items() if key in shown}
    return Outlet(
        sink,
        wires,
        graph.cut.sources[sink.node.id],
        next((found for key in wires.values() if (found := names.of(key))), ()),
        next((found for key in wires.values() if (found := names.of_crops(key))), ()),
        pixels if sink.node.takes_pixels else "",
    )


def route_of(graph: Graph, plan: ExecutionPlan, outlets: tuple[Outlet, ...]) -> Route:
    """Return what a segment's delivery needs to know."""
    joins = []
    for node_id in plan.joins:
        node = graph.nodes[node_id]
        assert isinstance(node, WorkerNode)
        joins.append((node, {port: f"{n}.{out}" for port, (n, out) in graph.wires[node_id].items()}))
    exports = tuple(stage.exports for stage in plan.stages)
    return Route(exports, tuple(joins), wired_to_sinks(graph), outlets, len(plan.sources) > 1)
