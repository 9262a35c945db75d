"""What stands at each node and wire during a run, from the engine's snapshots. Knows no Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cluster4npu.core.metrics.bottleneck import POSTPROCESSING, SOURCE, Bottleneck
from cluster4npu.core.metrics.snapshot import DeviceSnapshot, MetricsSnapshot
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import EdgeConfig, PipelineConfig
from cluster4npu.ui.visualizer.flow import Flow


@dataclass(frozen=True, slots=True)
class Allocation:
    """A device that works for a node: its number among the run's workers, and its share of the frames."""

    device: str
    number: int
    share: float
    simulated: bool


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """What one node does. `ms` a frame; `fill` (0..1) of what can wait there; `alarm` is a word in red, or ""."""

    fps: float | None = None
    ms: float | None = None
    fill: float | None = None
    alarm: str = ""
    devices: tuple[Allocation, ...] = ()


@dataclass(frozen=True, slots=True)
class OverlayFigures:
    """Everything that the overlay shows, by node and by wire (frames a second)."""

    nodes: Mapping[str, NodeFigures] = field(default_factory=dict)
    wires: Mapping[EdgeConfig, float] = field(default_factory=dict)


def figures_of(
    flow: Flow,
    snapshot: MetricsSnapshot,
    fps: float,
    frames_in_fps: float,
    rows: np.ndarray,
    bottleneck: Bottleneck | None,
) -> OverlayFigures:
    """Return the figures of this moment; `rows` are the stamps of the last frames, for the times of the parts."""
    if snapshot.nodes:
        return _of_nodes(flow, {n.id: NodeFigures(n.per_s, n.cpu_ms) for n in snapshot.nodes})
    nodes = {node: NodeFigures(fps) for node in flow.nodes}
    blocked = snapshot.ring_slots > 0 and snapshot.ring_used >= snapshot.ring_slots
    if flow.source:
        fill = snapshot.ring_used / snapshot.ring_slots if snapshot.ring_slots else None
        reading = _mean_ms(rows, "scheduled_ns", "captured_ns")
        nodes[flow.source] = NodeFigures(frames_in_fps, reading, fill, "blocked" if blocked else "")
    for node, devices in _by_node(flow, snapshot.devices).items():
        nodes[node] = _inference(devices, snapshot)
        for behind in flow.behind(node):
            nodes[behind] = NodeFigures(fps, _mean_ms(rows, "inferred_ns", "finished_ns"))
    for sink in snapshot.sinks:
        lost = sink.dropped + sink.failed
        fill = sink.waiting / sink.room if sink.waiting else None
        nodes[sink.id] = NodeFigures(fps, None, fill, f"{lost} lost" if lost else "")
    alarmed = _alarmed(flow, bottleneck)
    if alarmed in nodes:
        old = nodes[alarmed]
        nodes[alarmed] = NodeFigures(old.fps, old.ms, old.fill, "bottleneck", old.devices)
    return OverlayFigures(nodes, _rates(flow, nodes))


def figures_at_end(flow: Flow, config: PipelineConfig, summary: RunSummary) -> OverlayFigures:
    """Return the figures of a whole run that is over."""
    if summary.modes:
        return _of_nodes(flow, _over_all_modes(summary))
    nodes = {node.id: NodeFigures(summary.fps) for node in config.nodes}
    by_node: dict[str, list[Allocation]] = {}
    spent: dict[str, list[tuple[float, int]]] = {}
    for number, device in enumerate(summary.devices):
        node = device.stage or flow.node_of(device.id)
        by_node.setdefault(node, []).append(Allocation(device.id, number, device.share, device.simulated))
        if device.latency_ms.mean is not None:
            spent.setdefault(node, []).append((device.latency_ms.mean, device.frames))
    for node, devices in by_node.items():
        if node in nodes:
            nodes[node] = NodeFigures(summary.fps, _weighted(spent.get(node, [])), None, "", tuple(devices))
    return OverlayFigures(nodes, _rates(flow, nodes))


def _of_nodes(flow: Flow, nodes: Mapping[str, NodeFigures]) -> OverlayFigures:
    """Return the figures of a run in one process, in which each node has a rate of its own."""
    return OverlayFigures(nodes, _rates(flow, nodes))


def _over_all_modes(summary: RunSummary) -> dict[str, NodeFigures]:
    found: dict[str, tuple[int, float]] = {}
    for node in (node for mode in summary.modes for node in mode.nodes):
        computes, cpu_s = found.get(node.id, (0, 0.0))
        found[node.id] = computes + node.computes, cpu_s + node.cpu_s
    return {
        name: NodeFigures(computes / summary.wall_s, cpu_s * 1e3 / computes if computes else None)
        for name, (computes, cpu_s) in found.items()
    }


def _inference(devices: Sequence[tuple[int, DeviceSnapshot]], snapshot: MetricsSnapshot) -> NodeFigures:
    spent = [(d.latency_ms, round(d.fps * 1000)) for _, d in devices if d.latency_ms is not None]
    waiting = sum(d.queue for _, d in devices)
    return NodeFigures(
        sum(d.fps for _, d in devices),
        _weighted(spent),
        min(1.0, waiting / snapshot.ring_slots) if snapshot.ring_slots else None,
        "failed" if devices and all(d.state == "failed" for _, d in devices) else "",
        tuple(Allocation(d.id, number, d.share, d.simulated) for number, d in devices),
    )


def _by_node(flow: Flow, devices: Sequence[DeviceSnapshot]) -> dict[str, list[tuple[int, DeviceSnapshot]]]:
    found: dict[str, list[tuple[int, DeviceSnapshot]]] = {}
    for number, device in enumerate(devices):
        if node := device.stage or flow.node_of(device.id):
            found.setdefault(node, []).append((number, device))
    return found


def _rates(flow: Flow, nodes: Mapping[str, NodeFigures]) -> dict[EdgeConfig, float]:
    rates = {edge: nodes[edge.source_node].fps for edge in flow.edges if edge.source_node in nodes}
    return {edge: rate for edge, rate in rates.items() if rate is not None}


def _alarmed(flow: Flow, bottleneck: Bottleneck | None) -> str:
    if bottleneck is None:
        return ""
    if bottleneck.kind == SOURCE:
        return flow.source
    node = flow.node_of(bottleneck.devices[0]) if bottleneck.devices else ""
    behind = flow.behind(node)
    return behind[0] if bottleneck.kind == POSTPROCESSING and behind else node


def _weighted(values: Sequence[tuple[float, int]]) -> float | None:
    total = sum(weight for _, weight in values)
    return sum(value * weight for value, weight in values) / total if total else None


def _mean_ms(rows: np.ndarray, first: str, last: str) -> float | None:
    rows = rows[(rows[first] > 0) & (rows[last] > 0)]
    return float((rows[last] - rows[first]).mean()) / 1e6 if len(rows) else None
