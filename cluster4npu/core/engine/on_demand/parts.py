"""A pipeline's graph as a demand graph: each node with its slots, its rate and what it computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from cluster4npu.core.demand import DemandGraph, Input, Node, Source
from cluster4npu.core.engine.on_demand.each import Compute, ForEach
from cluster4npu.core.engine.on_demand.line import Line, Wires
from cluster4npu.core.engine.on_demand.reader import FrameReader, LiveReader
from cluster4npu.core.nodes.base import FrameFacts, InOrderNode, Place, PortType, SinkNode, WorkerNode
from cluster4npu.core.nodes.base import Node as PipelineNode
from cluster4npu.core.nodes.demand import ComputeNode, DemandParams
from cluster4npu.core.pipeline.rates import rate_of

Values = dict[str, Any]  # a node's answer: its values by output port


def beat_of(source: str) -> str:
    """Return the name under which the beat of a source stands in the demand graph, before the source itself."""
    return f"{source}.beat"


def make_demand_graph(lines: Iterable[Line], models: Mapping[str, Compute]) -> DemandGraph:
    """Return the demand graph. `models` computes the inference nodes; a sink's answer is what goes into it.

    A preview without a rate is left out: it shows what others have asked for.
    """
    return DemandGraph(part for line in lines for node in line.nodes() for part in _parts(line, node, models))


def _parts(line: Line, node: PipelineNode, models: Mapping[str, Compute]) -> list[Source | Node]:
    if node.place is Place.SOURCE:
        return _source(line.name(node.id), line.reader)
    if node.place is Place.SINK:
        wires = _result_wires(line, node)
        unrated = rate_of(node) is None
        if not wires or (unrated and node.type == "preview"):
            return []
        return [_part(line, node, _own, wires, push=unrated)]
    compute = node.process if isinstance(node, WorkerNode) else models[node.id]
    opaque = isinstance(node, InOrderNode) or (isinstance(node, ComputeNode) and node.opaque)
    if isinstance(node, InOrderNode):
        compute = partial(_in_order, node, line)
    wires = line.wires(node.id)
    fans = line.graph.cut.fans
    if fans.get(node.id, node.id) != node.id:
        ports = [port for port, (source, _) in wires.items() if source in fans]
        compute = ForEach(compute, ports, [port.name for port in node.outputs])
    return [_part(line, node, compute, wires, push=opaque)]


def _source(name: str, reader: FrameReader) -> list[Source | Node]:
    if isinstance(reader, LiveReader):
        return [Source(beat_of(name)), Node(name, lambda frame: frame, beat_of(name))]
    return [Source(beat_of(name), reader.tick, reader.every_ms), Node(name, reader.read, beat_of(name))]


def _result_wires(line: Line, node: PipelineNode) -> Wires:
    """Return a sink's wires; without those that bring pixels, but for a sink that takes them.

    Previews do not: they look for themselves.
    """
    if isinstance(node, SinkNode) and node.takes_pixels:
        return line.wires(node.id)
    return {
        port: (source, output)
        for port, (source, output) in line.wires(node.id).items()
        if not any(p.name == output and PortType.FRAME in p.types for p in line.graph.nodes[source].outputs)
    }


def _part(line: Line, node: PipelineNode, compute: Compute, wires: Wires, *, push: bool) -> Node:
    params = node.params
    samples = node.samples() if isinstance(node, ComputeNode) else None
    depths = {port.name: port.depth for port in node.inputs}
    sampled = node.inputs[0].name if samples else ""
    inputs: list[Input] = []
    for source in dict.fromkeys(source for source, _ in wires.values()):
        ports = [port for port, (name, _) in wires.items() if name == source]
        deepest = max(depths[port] for port in ports)
        name = line.name(source)
        inputs.append(Input(name, *samples) if samples and sampled in ports else Input(name, deepest))
    many = {port for port, depth in depths.items() if depth > 1 or port == sampled}
    required = {port.name for port in node.inputs if port.required}
    return Node(
        line.name(node.id),
        _Step(compute, wires, many, required, list(dict.fromkeys(source for source, _ in wires.values()))),
        inputs,
        every_ms=rate_of(node),
        modes=params.modes if isinstance(params, DemandParams) else (),
        ttl_ms=getattr(params, "expires_ms", None),
        push=push,
    )


def _own(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what goes into a sink: pixels as a copy, which it may draw on."""
    return {port: v.copy() if isinstance(v, np.ndarray) else v for port, v in inputs.items()}


def _in_order(node: InOrderNode, line: Line, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Tell a node that remembers which frame it is looking at: all that feeds it was made of the newest."""
    info = line.reader.present()
    source = line.source if line.prefix else ""
    node.frame = FrameFacts(source, info.height, info.width, info.stream_ms)
    return node.process(inputs)


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
