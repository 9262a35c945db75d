"""What falls due when: the beats of sources and nodes, and the samples that are to be taken."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Task:
    """Something that is done at a moment; `rank` orders what falls due at the same one, upstream first."""

    due_ns: int
    rank: int
    act: Callable[[], None]
    every_ns: int | None = None
    late: Callable[[int], None] = field(default=lambda missed: None)
    cancelled: bool = False


class Agenda:
    """Tasks in the order in which they fall due. From any thread; `wake` is notified when one is added."""

    def __init__(self) -> None:
        self.wake = threading.Condition()
        self._heap: list[tuple[int, int, int, Task]] = []
        self._numbers = itertools.count()

    def add(self, task: Task) -> Task:
        """Put a task in and return it, so that it can be cancelled."""
        with self.wake:
            heapq.heappush(self._heap, (task.due_ns, task.rank, next(self._numbers), task))
            self.wake.notify_all()
        return task

    def cancel(self, task: Task) -> None:
        """See to it that the task is not begun any more."""
        with self.wake:
            task.cancelled = True

    def next_due_ns(self) -> int | None:
        """Return when the first task falls due; `wake` is held by the caller."""
        while self._heap and self._heap[0][3].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now_ns: int) -> Task:
        """Take the first task out; one that repeats is put in again. `wake` is held by the caller.

        The beats of a task keep their grid. Those that are over already are left out and told to `late`, so that
        a machine that is too slow works on the newest and does not fall behind further.
        """
        task = heapq.heappop(self._heap)[3]
        if task.every_ns is not None:
            missed = max(0, (now_ns - task.due_ns) // task.every_ns)
            task.due_ns += (missed + 1) * task.every_ns
            if missed:
                task.late(missed)
            heapq.heappush(self._heap, (task.due_ns, task.rank, next(self._numbers), task))
        return task
