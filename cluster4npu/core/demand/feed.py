"""What sources and nodes have in common: an output, its age, its counts."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from cluster4npu.core.demand.answer import Entry, Status
from cluster4npu.core.demand.clock import to_ns
from cluster4npu.core.demand.nodes import Node, Source
from cluster4npu.core.demand.tally import Mark, Tally


class Surroundings(Protocol):
    """What a cell needs of its execution."""

    def now_ns(self) -> int:
        """Return the clock's time."""

    def cpu_ns(self) -> int:
        """Return the CPU time that the calling thread has used."""

    def computed(self, name: str, begun_ns: int, cpu_ns: int, data_version: int) -> None:
        """Hear of a computation: when it began, its CPU time, and the version of the oldest thing that it is about."""

    def sample_later(self, name: str, delay_ns: int) -> None:
        """Have `take_samples()` of that node called after the delay."""


class Feed:
    """What sources and nodes have in common: an output that expires."""

    def __init__(self, part: Source | Node, world: Surroundings) -> None:
        self.name = part.name
        self.tally = Tally()
        self._world = world
        self._ttl_ns = None if part.ttl_ms is None else to_ns(part.ttl_ms)
        self._latest: Entry | Status = Status.NO_ANSWER
        self._version = 0

    def obtain(self) -> Entry | Status:
        """Return the present output."""
        raise NotImplementedError

    def peek(self) -> Entry | Status:
        """Return the latest output, if it has not expired; nothing is computed."""
        return self._held()

    def _is_old(self, since_ns: int) -> bool:
        return self._ttl_ns is not None and self._world.now_ns() - since_ns > self._ttl_ns

    def _held(self) -> Entry | Status:
        """Return the latest output unless it has expired."""
        latest = self._latest
        return Status.EXPIRED if isinstance(latest, Entry) and self._is_old(latest.made_ns) else latest


class SourceCell(Feed):
    """A source: holds the newest value only."""

    def __init__(self, source: Source, world: Surroundings) -> None:
        super().__init__(source, world)
        self._lock = threading.Lock()

    def put(self, value: Any, cpu_ns: int) -> Entry:
        """Take in a new value that took so much CPU time to make."""
        with self._lock:
            self._version += 1
            now_ns = self._world.now_ns()
            self._latest = entry = Entry(
                value, self._version, now_ns, now_ns, self._version, Mark(self.tally)
            )
        self.tally.computed(cpu_ns)
        return entry

    def obtain(self) -> Entry | Status:
        """Return the newest value unless it has expired."""
        return self._held()
