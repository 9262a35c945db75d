"""An execution of a demand graph in this process: beats, questions, modes, counts."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from cluster4npu.core.demand.agenda import Agenda, Task
from cluster4npu.core.demand.answer import Answer, Entry
from cluster4npu.core.demand.clock import NS_PER_S, Clock, MonotonicClock, to_ns
from cluster4npu.core.demand.graph import DemandGraph
from cluster4npu.core.demand.network import Network
from cluster4npu.core.demand.nodes import Node, Source
from cluster4npu.core.demand.tally import NodeCounts
from cluster4npu.core.errors import InputError, Problem, RunFailed, nearest

STYLES = ("pull", "push")
_PAUSE_NS = 100_000_000  # what is shorter between two runs is no pause: their seconds join without a gap


class Execution:
    """Runs a graph in the calling thread; `push`, `ask`, `switch`, `stop` and `counts` may be called from any.

    `style` is "pull" (nodes compute when asked) or "push" (every node without a rate computes on each input: what a
    plain pipeline does, to compare with). `cpu_ns` reads the CPU time of the calling thread; its steps are 15.6 ms on
    Windows, so that only the sum of many calls tells something there.
    """

    def __init__(
        self,
        graph: DemandGraph,
        clock: Clock | None = None,
        style: str = "pull",
        mode: str = "",
        cpu_ns: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        _check("style", style, STYLES)
        self.graph, self.style, self.mode = graph, style, mode
        self._clock = clock or MonotonicClock()
        self._cpu_ns = cpu_ns
        self._agenda = Agenda()
        self._network = Network(graph, style, self)
        self._beats: dict[str, Task] = {}
        self._gone_by: Counter[str] = Counter()  # beats of each source, those that fell out included
        self._switching = threading.RLock()
        self._running = threading.Lock()
        self._stopped = False
        self.on_computed: Callable[[str, int, int, int], None] | None = None
        self._end_ns = self._clock.now_ns()
        for part in graph.parts:
            if isinstance(part, Source) and part.every_ms is not None:
                self._beats[part.name] = self._start_beat(part, partial(self._read, part))
        self.switch(mode)

    def run(self, seconds: float) -> None:
        """Do everything that falls due in the next `seconds` seconds, which end before the beat at their very end.

        A call that follows within 0.1 s goes on from there, to the nanosecond. Raises `RunFailed` when a computation
        fails, and when it runs already.
        """
        if not self._running.acquire(blocking=False):
            raise RunFailed(
                Problem("this execution runs already", hint="Make one execution for each thread.")
            )
        try:
            self._stopped = False
            if self.now_ns() - self._end_ns > _PAUSE_NS:
                self._end_ns = self.now_ns()
            self._end_ns += round(seconds * NS_PER_S)
            while (task := self._next()) is not None:
                task.act()
        except BaseException:
            self._end_ns = self.now_ns()
            raise
        finally:
            self._running.release()

    def stop(self) -> None:
        """End the present `run` after what it is doing now."""
        with self._agenda.wake:
            self._stopped = True
            self._agenda.wake.notify_all()

    def push(self, source: str, value: Any) -> None:
        """Give a source a new value: it is stored, and computed only by what computes on every input."""
        self._network.put(source, value)

    def ask(self, node: str) -> Answer:
        """Return the node's answer, computed now if nothing that holds is there; raises `RunFailed`, `InputError`."""
        found = self._network.feed(node).obtain()
        if isinstance(found, Entry):
            found.mark.use()
        return Answer.of(found)

    def peek(self, node: str) -> Answer:
        """Return the node's latest answer, if it has not expired; nothing is computed for it."""
        found = self._network.feed(node).peek()
        if isinstance(found, Entry):
            found.mark.use()
        return Answer.of(found)

    def forget(self, node: str) -> None:
        """Throw away what a node has taken in and answered. Not from within a computation."""
        self._network.node(node).forget()

    def later(self, act: Callable[[], None]) -> None:
        """Have the run call `act` between two computations, as soon as it can; from any thread."""
        self._agenda.add(Task(self.now_ns(), -1, act))

    def watch(self, node: str, function: Callable[[Answer], None]) -> None:
        """Have `function` called with each new answer that a node gives by its own rate or on an input."""
        self._network.watch(node, function)

    def switch(self, mode: str) -> None:
        """Go over to `mode`: rates that do not hold in it end, others start now. What holds in both keeps its beat.

        Call it from a watcher or from outside, never from within a computation.
        """
        if mode:
            _check("mode", mode, sorted(self.graph.modes))
        with self._switching:
            self.mode = mode
            for node in self.graph.nodes:
                if node.paced_in(mode) and node.name not in self._beats:
                    self._network.node(node.name).set_pace(True)
                    tick = partial(self._network.tick, node.name)
                    self._beats[node.name] = self._start_beat(node, tick)
                elif not node.paced_in(mode) and node.name in self._beats:
                    self._agenda.cancel(self._beats.pop(node.name))
                    self._network.node(node.name).set_pace(False)

    def counts(self) -> dict[str, NodeCounts]:
        """Return the counts of every source and node since the start."""
        return self._network.counts()

    def now_ns(self) -> int:
        """Return the clock's time in nanoseconds."""
        return self._clock.now_ns()

    def cpu_ns(self) -> int:
        """Return the CPU time of the calling thread in nanoseconds."""
        return self._cpu_ns()

    def computed(self, name: str, begun_ns: int, cpu_ns: int, data_version: int) -> None:
        """Tell `on_computed`, if there is one: node, begin, end, and the version of the oldest thing it is about.

        By a clock that stands still meanwhile, the end is the begin and the CPU time.
        """
        if self.on_computed is not None:
            self.on_computed(name, begun_ns, max(self.now_ns(), begun_ns + cpu_ns), data_version)

    def sample_later(self, name: str, delay_ns: int) -> None:
        """Have a node take its next sample after the delay."""
        take = self._network.node(name).take_samples
        self._agenda.add(Task(self.now_ns() + delay_ns, self._network.rank[name], take))

    def _next(self) -> Task | None:
        """Wait for the next task; None when the time is over or the run was stopped."""
        with self._agenda.wake:
            while not self._stopped:
                due_ns = self._agenda.next_due_ns()
                until_ns = self._end_ns if due_ns is None else min(due_ns, self._end_ns)
                now_ns = self._clock.now_ns()
                if until_ns > now_ns:
                    self._clock.wait(self._agenda.wake, until_ns)
                elif until_ns == self._end_ns:
                    return None
                else:
                    return self._agenda.take(min(now_ns, self._end_ns - 1))
        self._end_ns = self._clock.now_ns()
        return None

    def _start_beat(self, part: Source | Node, act: Callable[[], None]) -> Task:
        late = partial(self._fell_out, part.name)
        every_ns = to_ns(part.every_ms or 0)
        return self._agenda.add(Task(self.now_ns(), self._network.rank[part.name], act, every_ns, late))

    def _fell_out(self, name: str, beats: int) -> None:
        self._gone_by[name] += beats
        self._network.feed(name).tally.add("missed", beats)

    def _read(self, source: Source) -> None:
        number = self._gone_by[source.name]
        self._gone_by[source.name] += 1
        started_ns = self.cpu_ns()
        value = source.read(number) if source.read is not None else None
        cpu_ns = self.cpu_ns() - started_ns
        if value is None:
            self._agenda.cancel(self._beats[source.name])
        else:
            self._network.put(source.name, value, cpu_ns)


def _check(field: str, found: str, allowed: Sequence[str]) -> None:
    if found not in allowed:
        names = ", ".join(allowed) or "none"
        hint = nearest(found, allowed)
        raise InputError(Problem("cannot be used", field=field, found=repr(found), allowed=names, hint=hint))
