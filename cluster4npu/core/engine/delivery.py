"""Handing frames on: decoding what the stages left, joining branches, and giving it to whoever asked for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster4npu.core.engine import codec
from cluster4npu.core.engine.frames import Frame
from cluster4npu.core.engine.hub import Hub
from cluster4npu.core.engine.messages import PreviewReady, Result
from cluster4npu.core.engine.outlets import SinkThread
from cluster4npu.core.engine.pool import WorkerPool
from cluster4npu.core.engine.preview import PreviewArea
from cluster4npu.core.engine.ring import Ring
from cluster4npu.core.engine.usage import Usage
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.nodes.base import Delivery, FrameFacts, InOrderNode, WorkerNode
from cluster4npu.core.nodes.values import Value

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlet:
    """One sink: by input port the NODE.PORT that it takes, the sources whose frames come to it, and class names.

    `frame` is the input port at which it takes a copy of the frame's pixels, "" where it takes none.
    """

    sink: SinkThread
    wires: Mapping[str, str]
    sources: frozenset[str]
    labels: Names = ()
    crop_labels: Names = ()
    frame: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """What a segment needs to know of the graph.

    `exports` are the values (NODE.PORT) of each stage, `joins` nodes that join the results of several (with the
    NODE.PORT of each input), and `shown` what callers and the preview get.
    """

    exports: tuple[tuple[str, ...], ...]
    joins: tuple[tuple[WorkerNode, Mapping[str, str]], ...]
    shown: tuple[str, ...]
    outlets: tuple[Outlet, ...]
    several_sources: bool = False

    def begun(self) -> Route:
        """Return it for a new segment: nodes that remember frames forget those of the one before."""
        for node, _ in self.joins:
            if isinstance(node, InOrderNode):
                node.reset()
        return self


class Deliverer:
    """Hands finished frames on. `collect`: where results go beside the sinks, if anywhere."""

    def __init__(
        self,
        hub: Hub,
        pool: WorkerPool,
        ring: Ring,
        route: Route,
        preview: PreviewArea,
        collect: Callable[[Result], None] | None,
        usage: Usage,
    ) -> None:
        self._hub, self._pool, self._ring = hub, pool, ring
        self._route, self._preview, self._collect, self.usage = route, preview, collect, usage
        self._remembers = any(isinstance(node, InOrderNode) for node, _ in route.joins)

    def room(self) -> int:
        """Return how many frames may be handed on now: one at a time where anybody wants their results."""
        if not self.is_wanted:
            return sys.maxsize
        return int(all(outlet.sink.has_room() for outlet in self._route.outlets))

    @property
    def is_wanted(self) -> bool:
        """Tell whether anybody wants the results of the next frame; a node that remembers wants them all."""
        return bool(self._route.outlets or self._collect or self._hub.preview_wish or self._remembers)

    def hand_out(self, frame: Frame, source: str, latency_ms: float) -> None:
        """Decode the frame's results, for whoever has asked for them."""
        values = self._values(frame, source)
        info = frame.info
        device = ", ".join(self._pool.workers[visit.worker].member.id for visit in frame.visits())
        for outlet in self._route.outlets:
            if source not in outlet.sources:
                continue
            inputs: dict[str, Any] = {p: values[key] for p, key in outlet.wires.items() if key in values}
            if outlet.frame:
                inputs[outlet.frame] = self._ring.image(frame.slot).copy()
            outlet.sink.put(
                Delivery(
                    frame.number,
                    info.stream_ms,
                    device,
                    latency_ms,
                    info.height,
                    info.width,
                    inputs,
                    outlet.labels,
                    frame.failure,
                    source if self._route.several_sources else "",
                    outlet.crop_labels,
                )
            )
        wish = self._hub.preview_wish
        shown = {key: values[key] for key in self._route.shown if key in values}
        if self._collect:
            result = Result(frame.number, device, latency_ms, info.stream_ms, shown, frame.failure, source)
            self._collect(result)
        if not frame.failure:
            self.usage.took(source, shown=wish is not None)
        if wish and not frame.failure:
            self._hub.preview_wish = None
            height, width, scale = self._preview.write(self._ring.image(frame.slot), wish)
            self._hub.tell(PreviewReady(frame.number, height, width, scale, shown, source))

    def _values(self, frame: Frame, source: str) -> dict[str, Value]:
        values: dict[str, Value] = {}
        if frame.failure:
            return values
        for visit in frame.visits():
            if visit.result_bytes:
                area = self._ring.result(frame.slot, visit.stage)
                values |= codec.decode(area, self._route.exports[visit.stage])
        info = frame.info
        facts = FrameFacts(
            source if self._route.several_sources else "", info.height, info.width, info.stream_ms
        )
        for node, wires in self._route.joins:
            if isinstance(node, InOrderNode):
                node.frame = facts
            if all(key in values for key in wires.values()):
                values |= _joined(node, {port: values[key] for port, key in wires.items()})
        return values


def _joined(node: WorkerNode, inputs: Mapping[str, Value]) -> dict[str, Value]:
    try:
        made = node.process(inputs)
    except Cluster4NPUError:
        raise
    except Exception as error:  # a third party's node: it ends the run in order
        problem = Problem(f"the node broke: {error}", node.id, found=type(error).__name__)
        raise RunFailed(problem) from error
    return {f"{node.id}.{port}": value for port, value in made.items()}
