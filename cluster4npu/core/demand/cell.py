"""One node at work: its slots, its latest answer, and when that answer still holds."""

from __future__ import annotations

import threading
from typing import Any

from cluster4npu.core.demand.answer import Entry, Status
from cluster4npu.core.demand.clock import to_ns
from cluster4npu.core.demand.feed import Feed, Surroundings
from cluster4npu.core.demand.gathering import Gathering
from cluster4npu.core.demand.nodes import Node
from cluster4npu.core.demand.slot import Slot
from cluster4npu.core.demand.tally import Mark
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed


class Cell(Feed):
    """A node: computes at most once for the same inputs, whoever asks, from whatever thread.

    Locks are taken from a node towards its sources only, so that they cannot wait for each other in a circle.
    """

    def __init__(self, node: Node, feeders: tuple[Feed, ...], eager: bool, world: Surroundings) -> None:
        super().__init__(node, world)
        self.node, self.eager = node, eager
        self.paced = False
        self.slots = tuple(Slot(slot.depth) for slot in node.slots)
        self._feeders = feeders
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._gatherings = {
            i: Gathering(self.slots[i], to_ns(slot.apart_ms), feeders[i], self._later)
            for i, slot in enumerate(node.slots)
            if slot.apart_ms is not None
        }

    def store(self, slot: int, entry: Entry) -> None:
        """Put an output of what feeds this node into its slot; samples are taken by the node itself."""
        if slot not in self._gatherings and self.slots[slot].store(entry):
            self.tally.add("stores")

    def obtain(self) -> Entry | Status:
        """Return the present output, computed if it has to be."""
        with self._lock:
            if (self.eager or self.paced) and self._seen is not None:
                held = self._held()
                if held is not Status.EXPIRED or self.node.push:
                    if isinstance(held, Entry):
                        self.tally.add("memo")
                    return held
            return Status.NO_ANSWER if self.node.push else self._refresh()

    def advance(self) -> Entry | None:
        """Compute if there is something new, and return what came of it: on its beat, or on a new input."""
        with self._lock:
            before = self._version
            found = self._refresh()
            return found if isinstance(found, Entry) and self._version > before else None

    def take_samples(self) -> None:
        """Take the samples that are due."""
        with self._lock:
            for gathering in self._gatherings.values():
                gathering.take(self._world.now_ns())

    def set_pace(self, on: bool) -> None:
        """Turn the node's own rate on or off; either way it starts without samples of the time before."""
        with self._lock:
            self.paced = on
            self._forget()

    def forget(self) -> None:
        """Throw away the inputs and the latest answer."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        for slot in self.slots:
            slot.clear()
        for gathering in self._gatherings.values():
            gathering.cancel()
        self._latest, self._seen = Status.NO_ANSWER, None

    def _later(self, delay_ns: int) -> None:
        self._world.sample_later(self.name, delay_ns)

    def _refresh(self) -> Entry | Status:
        if self._gatherings and not self._samples_there():
            held = self._held()
            return held if self._seen is not None else Status.NO_ANSWER
        for i, feeder in enumerate(self._feeders):
            if i not in self._gatherings:
                found = feeder.obtain()
                if isinstance(found, Status):
                    return found
                self.store(i, found)
        looks = [slot.look() for slot in self.slots]
        entries = tuple(look for look in looks if look is not None)
        if len(entries) < len(looks):
            return Status.NO_ANSWER
        found = self._answer(entries)
        for gathering in self._gatherings.values():
            gathering.begin(self._world.now_ns())
        return found

    def _samples_there(self) -> bool:
        """Tell whether all samples of the last question are taken; begin a new one where none is under way."""
        gatherings = self._gatherings.values()
        if all(g.complete and not self._is_old(g.taken_ns) for g in gatherings):
            return True
        for gathering in gatherings:
            if not gathering.under_way and not (gathering.complete and not self._is_old(gathering.taken_ns)):
                gathering.begin(self._world.now_ns())
        return False

    def _answer(self, entries: tuple[tuple[Entry, ...], ...]) -> Entry | Status:
        """Return the answer about these inputs: the one that is there, or a new one."""
        inputs = [entry for slot in entries for entry in slot]
        versions = tuple(entry.version for entry in inputs)
        held = self._held()
        if versions == self._seen and held is not Status.EXPIRED:
            self.tally.add("memo")
            return held
        value = self._compute(
            [tuple(e.value for e in slot) if len(slot) > 1 else slot[0].value for slot in entries],
            min(entry.data_version for entry in inputs),
        )
        self._seen = versions
        self._version += 1
        if value is None:
            self._latest = Status.NO_ANSWER
        else:
            mark = Mark(self.tally, tuple(entry.mark for entry in inputs))
            oldest = min(inputs, key=lambda entry: entry.data_ns)
            data = oldest.data_ns, oldest.data_version
            self._latest = Entry(value, self._version, self._made_ns(), *data, mark)
        return self._latest

    def _made_ns(self) -> int:
        """Return since when the answer ages: now, or since its samples were taken."""
        return min((g.taken_ns for g in self._gatherings.values()), default=self._world.now_ns())

    def _compute(self, arguments: list[Any], data_version: int) -> Any:
        begun_ns, started_ns = self._world.now_ns(), self._world.cpu_ns()
        try:
            return self.node.compute(*arguments)
        except Cluster4NPUError:
            raise
        except Exception as error:
            problem = Problem(
                "its computation failed", node=self.name, found=f"{type(error).__name__}: {error}"
            )
            raise RunFailed(problem) from error
        finally:
            cpu_ns = self._world.cpu_ns() - started_ns
            self.tally.computed(cpu_ns)
            self._world.computed(self.name, begun_ns, cpu_ns, data_version)
