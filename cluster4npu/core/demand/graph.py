"""The checked graph of sources and nodes, in the order in which values flow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from cluster4npu.core.demand.nodes import Node, Source
from cluster4npu.core.errors import PipelineInvalid, Problem, nearest


class DemandGraph:
    """Sources and nodes, checked and in order: every node stands behind what feeds it.

    Raises `PipelineInvalid` with every problem that was found.
    """

    def __init__(self, parts: Iterable[Source | Node]) -> None:
        given = tuple(parts)
        self._parts = {part.name: part for part in given}
        problems = [*_doubles(given), *self._wrong_inputs(), *self._wrong_numbers()]
        if not problems:
            problems = [*self._sort(), *self._never_asked()]
        if problems:
            raise PipelineInvalid.of(problems)

    @property
    def parts(self) -> tuple[Source | Node, ...]:
        """Return everything, sources first, in the order in which values flow."""
        return tuple(self._parts.values())

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes in the order in which values flow."""
        return tuple(part for part in self.parts if isinstance(part, Node))

    @property
    def modes(self) -> frozenset[str]:
        """Return every mode that some node names."""
        return frozenset(mode for node in self.nodes for mode in node.modes)

    def feeders(self, node: Node) -> tuple[str, ...]:
        """Return the names of what feeds `node`, one per input."""
        return tuple(slot.node for slot in node.slots)

    def eager(self, style: str) -> frozenset[str]:
        """Return the nodes that compute on every input.

        In the style "push" that is every node without a rate. In "pull" it is the nodes that cannot be asked, and what
        feeds them up to the next rate or source: such a node wants every output of it.
        """
        found: set[str] = set()
        wanted: set[str] = set()
        for node in reversed(self.nodes):
            able = node.every_ms is None and not node.gathers
            if node.push or (able and (style == "push" or node.name in wanted)):
                found.add(node.name)
                wanted.update(self.feeders(node))
        return frozenset(found)

    def _wrong_inputs(self) -> Iterator[Problem]:
        for node in self.nodes:
            if not node.slots:
                yield Problem(
                    "a node needs an input", node=node.name, field="inputs", hint="Use a Source instead."
                )
            for name in self.feeders(node):
                if name not in self._parts:
                    yield Problem(
                        "there is no such node",
                        node=node.name,
                        field="inputs",
                        found=repr(name),
                        allowed=", ".join(self._parts),
                        hint=nearest(name, self._parts),
                    )

    def _wrong_numbers(self) -> Iterator[Problem]:
        for part in self.parts:
            times = {"every_ms": part.every_ms, "ttl_ms": part.ttl_ms}
            for slot in part.slots if isinstance(part, Node) else ():
                times[f"inputs.{slot.node}.apart_ms"] = slot.apart_ms
                if slot.depth < 1:
                    yield _wrong(part.name, f"inputs.{slot.node}.depth", slot.depth, "1 or more")
            for field, value in times.items():
                if value is not None and not (math.isfinite(value) and value >= 0.001):
                    yield _wrong(part.name, field, value, "0.001 or more, in milliseconds")
            if isinstance(part, Source) and part.every_ms is not None and part.read is None:
                yield Problem("a rate needs something to read", node=part.name, field="read", found="None")
            if isinstance(part, Node) and part.push and part.every_ms is not None:
                hint = "Leave one of the two out."
                yield Problem("computes on every input, so it has no rate", part.name, "every_ms", hint=hint)

    def _sort(self) -> Iterator[Problem]:
        ordered: dict[str, Source | Node] = {p.name: p for p in self.parts if isinstance(p, Source)}
        waiting = list(self.nodes)
        while waiting:
            ready = [node for node in waiting if all(name in ordered for name in self.feeders(node))]
            if not ready:
                names = ", ".join(node.name for node in waiting)
                yield Problem(
                    "nodes that wait for each other in a circle", found=names, hint="Remove one input."
                )
                return
            ordered.update((node.name, node) for node in ready)
            waiting = [node for node in waiting if node.name not in ordered]
        self._parts = ordered

    def _never_asked(self) -> Iterator[Problem]:
        """A node that cannot be asked needs something in front of it that moves by itself."""
        for node in self.nodes:
            for name in self.feeders(node) if node.push else ():
                feeder = self._parts[name]
                if isinstance(feeder, Node) and feeder.gathers and feeder.every_ms is None:
                    hint = f"Give '{name}' a rate (every_ms)."
                    yield Problem(
                        f"is fed by '{name}', which computes only when asked", node=node.name, hint=hint
                    )
            if node.push and node.gathers:
                yield Problem(
                    "cannot take samples on the clock, as it computes on every input", node=node.name
                )


def _doubles(parts: tuple[Source | Node, ...]) -> Iterator[Problem]:
    seen: set[str] = set()
    for part in parts:
        if part.name in seen:
            yield Problem("this name is given twice", node=part.name, hint="Names must differ.")
        seen.add(part.name)


def _wrong(node: str, field: str, value: float, allowed: str) -> Problem:
    return Problem("this value cannot be used", node=node, field=field, found=str(value), allowed=allowed)
