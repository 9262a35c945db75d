"""A pipeline's graph as a demand graph: each node with its slots, its rate and what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cluster4npu.core.demand import DemandGraph, Input, Node, Source
from cluster4npu.core.engine.on_demand.reader import FrameReader, LiveReader
from cluster4npu.core.nodes.base import Node as PipelineNode
from cluster4npu.core.nodes.base import Place, PortType, WorkerNode
from cluster4npu.core.nodes.demand import ComputeNode, DemandParams
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.rates import rate_of

Compute = Callable[[Mapping[str, Any]], dict[str, Any]]
Values = dict[str, Any]  # a node's answer: its values by output port


def beat_of(source: str) -> str:
    """Return the name under which the beat of a source stands in the demand graph, before the source itself."""
    return f"{source}.beat"


def make_demand_graph(graph: Graph, reader: FrameReader, models: Mapping[str, Compute]) -> DemandGraph:
    """Return the demand graph. `models` computes the inference nodes; a sink's answer is what goes into it.

    A preview without a rate is left out: it shows what others have asked for.
    """
    parts: list[Source | Node] = []
    for node in graph.nodes.values():
        if node.place is Place.SOURCE:
            parts += _source(node.id, reader)
        elif node.place is Place.SINK:
            wires = _result_wires(graph, node)
            unrated = rate_of(node) is None
            if wires and not (unrated and node.type == "preview"):
                parts.append(_part(node, dict, wires, push=unrated))
        elif isinstance(node, WorkerNode):
            opaque = isinstance(node, ComputeNode) and node.opaque
            parts.append(_part(node, node.process, graph.wires[node.id], push=opaque))
        else:
            parts.append(_part(node, models[node.id], graph.wires[node.id], push=False))
    return DemandGraph(parts)


def _source(name: str, reader: FrameReader) -> list[Source | Node]:
    if isinstance(reader, LiveReader):
        return [Source(beat_of(name)), Node(name, lambda frame: frame, beat_of(name))]
    return [Source(beat_of(name), reader.tick, reader.every_ms), Node(name, reader.read, beat_of(name))]


def _result_wires(graph: Graph, node: PipelineNode) -> dict[str, tuple[str, str]]:
    """Return a sink's wires without those that bring pixels: only previews take them, and look for themselves."""
    return {
        port: (source, output)
        for port, (source, output) in graph.wires[node.id].items()
        if not any(p.name == output and PortType.FRAME in p.types for p in graph.nodes[source].outputs)
    }


def _part(node: PipelineNode, compute: Compute, wires: Mapping[str, tuple[str, str]], *, push: bool) -> Node:
    params = node.params
    samples = node.samples() if isinstance(node, ComputeNode) else None
    depths = {port.name: port.depth for port in node.inputs}
    sampled = node.inputs[0].name if samples else ""
    inputs: list[Input] = []
    for source in dict.fromkeys(source for source, _ in wires.values()):
        ports = [port for port, (name, _) in wires.items() if name == source]
        deepest = max(depths[port] for port in ports)
        inputs.append(Input(source, *samples) if samples and sampled in ports else Input(source, deepest))
    many = {port for port, depth in depths.items() if depth > 1 or port == sampled}
    required = {port.name for port in node.inputs if port.required}
    return Node(
        node.id,
        _Step(compute, wires, many, required, [slot.node for slot in inputs]),
        inputs,
        every_ms=rate_of(node),
        modes=params.modes if isinstance(params, DemandParams) else (),
        ttl_ms=getattr(params, "expires_ms", None),
        push=push,
    )


class _Step:
    """Brings what lies in a node's slots to its input ports, and computes. `many` ports take a tuple of values."""

    def __init__(
        self,
        compute: Compute,
        wires: Mapping[str, tuple[str, str]],
        many: set[str],
        required: set[str],
        feeders: list[str],
    ) -> None:
        self._compute, self._many, self._required = compute, many, required
        self._ports = [(port, feeders.index(source), output) for port, (source, output) in wires.items()]

    def __call__(self, *slots: Values | tuple[Values, ...]) -> Values | None:
        """Return the outputs by port; None (no answer) where a required input is missing or nothing comes out."""
        inputs: dict[str, Any] = {}
        for port, slot, output in self._ports:
            given = slots[slot]
            many = given if isinstance(given, tuple) else (given,)
            values = tuple(one[output] for one in many if one.get(output) is not None)
            if len(values) == len(many):
                inputs[port] = values if port in self._many else values[-1]
            elif port in self._required:
                return None
        return self._compute(inputs) or None
