"""Where each frame was at a moment, on the nodes and wires of its pipeline. Knows no Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cluster4npu.core.metrics.traces import STATUS_DROPPED
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Place
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig

MOST_TOKENS = 200
_STAMPS = ("scheduled_ns", "captured_ns", "started_ns", "inferred_ns", "finished_ns", "delivered_ns")


@dataclass(frozen=True, slots=True)
class Token:
    """One frame at a moment: `progress` (0..1) of its way through a node, or along wires that follow each other."""

    frame_id: int
    worker: int
    node: str
    wires: tuple[EdgeConfig, ...]
    progress: float


@dataclass(frozen=True, slots=True)
class _Way:
    """The way of a frame through one inference node: wires that lead to it, that leave it, and the rest behind."""

    source: str
    node: str
    before: tuple[EdgeConfig, ...]
    first: tuple[EdgeConfig, ...]
    rest: tuple[EdgeConfig, ...]


class Flow:
    """The ways of frames through a pipeline. `nodes` and `edges` are those of the pipeline, none more, none less."""

    def __init__(self, config: PipelineConfig) -> None:
        self.nodes = tuple(node.id for node in config.nodes)
        self.edges = config.edges
        self.sources = _at(config, Place.SOURCE)
        self.source = next(iter(self.sources), "")
        self._by_worker: list[str] = []
        self._in_worker = _at(config, Place.WORKER)
        self._ways = [_way(config, self.sources, n.id) for n in config.nodes if n.type == "inference"]
        self._devices = {n.id: _devices(n) for n in config.nodes if n.type == "inference"}

    def tokens(self, rows: np.ndarray, time_ns: int, workers: Sequence[str]) -> list[Token]:
        """Return every frame that was under way at this moment (the first 200): one token each.

        `rows` are FRAME_TRACE; `workers` the ids behind their numbers.
        """
        alive = rows[(rows["scheduled_ns"] <= time_ns) & (time_ns < rows["delivered_ns"])]
        alive = alive[alive["status"] != STATUS_DROPPED]
        visits: dict[
            tuple[int, int], list[np.void]
        ] = {}  # a frame has a row for each stage that it went through
        for row in alive:
            visits.setdefault((int(row["frame_id"]), int(row["captured_ns"])), []).append(row)
        found = (self._token(rows, time_ns, workers) for rows in list(visits.values())[:MOST_TOKENS])
        return [token for token in found if token is not None]

    def _token(self, visits: list[np.void], time_ns: int, workers: Sequence[str]) -> Token | None:
        """Return where a frame was: on the way to, in, or behind the stage that it had not finished yet."""
        visits.sort(key=lambda row: int(row["finished_ns"]))
        at = next((n for n, row in enumerate(visits) if time_ns < row["finished_ns"]), len(visits) - 1)
        row, earlier = visits[at], int(visits[at - 1]["finished_ns"]) if at else 0
        frame, worker = int(row["frame_id"]), int(row["worker"])
        way = self.way_of(worker, workers)
        if way is None or not row["captured_ns"]:
            return None
        scheduled, captured, started, inferred, finished, delivered = (int(row[name]) for name in _STAMPS)
        stamps = [scheduled, max(captured, earlier), started, inferred, finished, delivered]
        places: list[tuple[str, tuple[EdgeConfig, ...]]] = [
            (way.source, ()),
            ("", way.before),
            (way.node, ()),
            ("", way.first),
            ("", way.rest or way.first),
        ]
        for (node, wires), start, end in zip(places, stamps, stamps[1:], strict=False):
            if start <= time_ns < end:
                progress = (time_ns - start) / (end - start)
                return Token(frame, worker, node if not wires else "", wires, progress)
        return None

    def serve(self, devices: Sequence[str], stages: Mapping[str, Sequence[str]]) -> None:
        """Take note of which inference node each worker serves: `devices` in their order, and by node in `stages`."""
        self._devices = {node: tuple(ids) for node, ids in stages.items()}
        flat = [(node, device) for node, ids in stages.items() for device in ids]
        in_order = [device for _, device in flat] == list(devices)
        self._by_worker = [node for node, _ in flat] if in_order else []

    def way_of(self, worker: int, workers: Sequence[str]) -> _Way | None:
        """Return the way of the frames of a worker: one device may serve two stages, each with a worker."""
        if worker < len(self._by_worker):
            return next((way for way in self._ways if way.node == self._by_worker[worker]), None)
        return self.way(workers[worker] if 0 <= worker < len(workers) else "")

    def way(self, device: str) -> _Way | None:
        """Return the way of the frames of a device: through the inference node that names it, or the only one."""
        named = [way for way in self._ways if device in self._devices.get(way.node, ())]
        return next(iter(named or self._ways), None)

    def node_of(self, device: str) -> str:
        """Return the inference node that a device works for, "" without any."""
        way = self.way(device)
        return way.node if way is not None else ""

    def behind(self, node: str) -> tuple[str, ...]:
        """Return the nodes that take what this inference node gives, and work in the same process."""
        first = next((way.first for way in self._ways if way.node == node), ())
        return tuple(edge.target_node for edge in first if edge.target_node in self._in_worker)


def _devices(node: NodeConfig) -> tuple[str, ...]:
    named = node.params.get("devices")
    return tuple(str(device) for device in named) if isinstance(named, list | tuple) else ()


def _at(config: PipelineConfig, place: Place) -> list[str]:
    types = node_types()
    return [n.id for n in config.nodes if n.type in types and types[n.type].place is place]


def _way(config: PipelineConfig, sources: Sequence[str], node: str) -> _Way:
    before: list[EdgeConfig] = []
    at, seen = node, {node}
    while at not in sources:
        leading = [e for e in config.edges if e.target_node == at and e.source_node not in seen]
        if not leading:
            break
        before.insert(0, leading[0])
        at = leading[0].source_node
        seen.add(at)
    source = at
    first = tuple(edge for edge in config.edges if edge.source_node == node)
    rest: list[EdgeConfig] = []
    front, known = [edge.target_node for edge in first], {node}
    while front:
        at = front.pop(0)
        if at in known:
            continue
        known.add(at)
        for edge in (e for e in config.edges if e.source_node == at):
            rest.append(edge)
            front.append(edge.target_node)
    return _Way(source, node, tuple(before), first, tuple(rest))
