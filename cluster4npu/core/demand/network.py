"""The cells of a graph, joined: an output is stored where it is wanted, and computed on where that is due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster4npu.core.demand.answer import Answer, Entry
from cluster4npu.core.demand.cell import Cell
from cluster4npu.core.demand.feed import Feed, SourceCell, Surroundings
from cluster4npu.core.demand.graph import DemandGraph
from cluster4npu.core.demand.nodes import Source
from cluster4npu.core.demand.tally import NodeCounts
from cluster4npu.core.errors import InputError, Problem, nearest


class Network:
    """Every source and node of a graph at work, by name. `rank` tells how far downstream each of them stands."""

    def __init__(self, graph: DemandGraph, style: str, world: Surroundings) -> None:
        self.rank = {part.name: rank for rank, part in enumerate(graph.parts)}
        self._feeds: dict[str, Feed] = {}
        self._consumers: dict[str, list[tuple[Cell, int]]] = {part.name: [] for part in graph.parts}
        self._watchers: dict[str, list[Callable[[Answer], None]]] = {}
        eager = graph.eager(style)
        for part in graph.parts:
            if isinstance(part, Source):
                self._feeds[part.name] = SourceCell(part, world)
                continue
            names = graph.feeders(part)
            cell = Cell(part, tuple(self._feeds[name] for name in names), part.name in eager, world)
            self._feeds[part.name] = cell
            for slot, name in enumerate(names):
                self._consumers[name].append((cell, slot))

    def feed(self, name: str) -> Feed:
        """Return a source or node; raises `InputError` for a name that is not there."""
        if name not in self._feeds:
            allowed = ", ".join(self._feeds)
            hint = nearest(name, self._feeds)
            raise InputError(Problem("there is no such node", found=repr(name), allowed=allowed, hint=hint))
        return self._feeds[name]

    def node(self, name: str) -> Cell:
        """Return a node of which it is known that it is one."""
        cell = self._feeds[name]
        assert isinstance(cell, Cell)
        return cell

    def put(self, name: str, value: Any, cpu_ns: int = 0) -> None:
        """Give a source a value that took so much CPU time to make, and hand it on."""
        feed = self.feed(name)
        if not isinstance(feed, SourceCell):
            sources = ", ".join(key for key, one in self._feeds.items() if isinstance(one, SourceCell))
            raise InputError(Problem("only a source takes values", node=name, allowed=sources))
        self._publish(feed, feed.put(value, cpu_ns))

    def tick(self, name: str) -> None:
        """Let a node ask for itself, and hand on what came of it."""
        cell = self.node(name)
        entry = cell.advance()
        if entry is not None:
            entry.mark.use()
            self._publish(cell, entry)

    def watch(self, name: str, function: Callable[[Answer], None]) -> None:
        """Have `function` called with every output that the node hands on."""
        self._watchers.setdefault(self.feed(name).name, []).append(function)

    def counts(self) -> dict[str, NodeCounts]:
        """Return the counts of everything since the start."""
        return {name: feed.tally.counts() for name, feed in self._feeds.items()}

    def _publish(self, feed: Feed, entry: Entry) -> None:
        """Hand an output on, and let compute what computes on every input: upstream first, each node once."""
        pending = self._hand_on(feed, entry)
        while pending:
            name = min(pending, key=self.rank.__getitem__)
            pending.remove(name)
            new = self.node(name).advance()
            if new is not None:
                pending |= self._hand_on(self._feeds[name], new)

    def _hand_on(self, feed: Feed, entry: Entry) -> set[str]:
        """Store an output where it is wanted, tell the watchers, and return who computes on it at once."""
        consumers, watchers = self._consumers[feed.name], self._watchers.get(feed.name, [])
        for consumer, slot in consumers:
            consumer.store(slot, entry)
        if watchers or (not consumers and isinstance(feed, Cell) and feed.node.push):
            entry.mark.use()
        for function in watchers:
            function(Answer.of(entry))
        return {consumer.name for consumer, _ in consumers if consumer.eager}
