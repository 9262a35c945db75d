"""Feeding: getting frames from a source into free slots, on time, and counting what had to be dropped."""

from __future__ import annotations

import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.engine.costs import EVERY
from cluster4npu.core.engine.frames import Frame
from cluster4npu.core.engine.ring import Ring
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.nodes.base import FrameInfo, Source, SourceNode


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """How much to read and how fast (None: no limit), and what happens when no slot is free for the next frame.

    `overload`: "block" waits for one; "drop_oldest" and "latest" read on, and let a frame go for each that has no slot.
    """

    frames: int | None = None
    arrivals: Arrivals | None = None
    loop: bool = False
    overload: str = "block"

    @property
    def lossy(self) -> bool:
        return self.overload != "block"


class Feeder(ABC):
    """Base of both feeders. Slots go in with `offer`, frames come out of `take`; `ended` when no more will come.

    The slot that was freed last is filled first: its memory is still in the processor's cache.
    """

    def __init__(self, node: SourceNode, source: Source, ring: Ring, plan: FeedPlan) -> None:
        self._node, self._live = node, node.live
        self._source = source
        self._ring = ring
        self._plan = plan
        self._schedule = plan.arrivals.schedule() if plan.arrivals else None
        self._count = 0
        self._start_ns: int | None = None
        self._exhausted = plan.frames == 0
        # a slot is as large as the largest frame of any source
        self._pixels = [ring.frame(slot)[: source.spec.nbytes] for slot in range(ring.layout.slots)]
        self._stopped = False
        self.dropped = 0
        self._fetched = self._cpu_ns = 0
        self.error: Cluster4NPUError | None = None

    @property
    def ended(self) -> bool:
        """Tell whether `take` will never again return a frame."""
        return self._exhausted

    @abstractmethod
    def offer(self, slots: Sequence[int]) -> None:
        """Give free slots to be filled, the last of them first."""

    @abstractmethod
    def take(self, most: int | None = None, until_ns: int | None = None) -> list[Frame]:
        """Return the frames that are there, at most so many; what has to be read first is read until this time."""

    @abstractmethod
    def due_s(self) -> float | None:
        """Return when `take` shall be called again without any wake-up (monotonic seconds; 0: now), or None."""

    @abstractmethod
    def take_back(self) -> list[int]:
        """Return the slots that were never filled, once `ended`."""

    def finish(self) -> None:
        """Read no further frame."""
        self._exhausted = True

    def _due_ns(self) -> int:
        """Return when the next frame is due; now for an unpaced source."""
        now = time.monotonic_ns()
        if self._start_ns is None:
            self._start_ns = now
        if self._schedule is None:
            return now
        return self._start_ns + self._schedule.due_ns(self._count)

    def _read(self, slot: int, scheduled_ns: int) -> Frame | None:
        """Fill one slot; None (and `ended`) at the end of the stream or on an error."""
        info = self._fetch(slot)
        if self._live:  # paced: what it sends before its time goes by
            while info is not None and time.monotonic_ns() < scheduled_ns and not self._stopped:
                info = self._fetch(slot)
        if info is None:
            self._exhausted = True
            return None
        self._count += 1
        if self._count == self._plan.frames:
            self._exhausted = True
        self._ring.set_filled(slot, info.height, info.width)
        captured = time.monotonic_ns()
        return Frame(slot, info, captured if self._live else scheduled_ns, captured)

    @property
    def cost_s(self) -> float:
        """Return the mean CPU seconds of reading a frame, as measured on some of them: of the thread that reads."""
        return self._cpu_ns / -(-self._fetched // EVERY) / 1e9 if self._fetched else 0.0

    def _fetch(self, slot: int) -> FrameInfo | None:
        """Read one frame, the first again after the last where that is wanted; None at the end or on an error.

        What some of them cost is measured.
        """
        measured = self._fetched % EVERY == 0
        self._fetched += 1
        begun_ns = time.thread_time_ns() if measured else 0
        try:
            pixels = self._pixels[slot]
            info = self._source.read_into(pixels)
            if info is None and self._plan.loop and self._count:
                self._source.rewind()
                info = self._source.read_into(pixels)
        except Cluster4NPUError as error:
            self.error = error
            return None
        except Exception as error:  # a decoder's own failure must end this run in order, not the process
            self.error = RunFailed(
                Problem(f"the source broke: {error}", self._node.id, found=type(error).__name__)
            )
            return None
        if measured:
            self._cpu_ns += time.thread_time_ns() - begun_ns
        return info


class InlineFeeder(Feeder):
    """Reads in the manager's own loop: for sources that never wait (no thread to switch to)."""

    def __init__(self, node: SourceNode, source: Source, ring: Ring, plan: FeedPlan) -> None:
        super().__init__(node, source, ring, plan)
        self._slots: list[int] = []

    def offer(self, slots: Sequence[int]) -> None:
        self._slots += slots

    def take(self, most: int | None = None, until_ns: int | None = None) -> list[Frame]:
        slots, found, until = self._slots, list[Frame](), math.inf if until_ns is None else until_ns
        now = time.monotonic_ns()
        while slots and not self._exhausted and len(found) != most and now < until:
            due = now if self._schedule is None else self._due_ns()
            if due > now:
                break
            filled = self._read(slots[-1], due)
            if filled is None:
                break
            slots.pop()
            found.append(filled)
            now = filled.captured_ns
        return found

    def due_s(self) -> float | None:
        if self._exhausted or not self._slots:
            return None
        return self._due_ns() / 1e9 if self._schedule else 0.0

    def take_back(self) -> list[int]:
        slots, self._slots = self._slots, []
        return slots


class ThreadFeeder(Feeder):
    """Reads on a thread of its own: files, cameras and networks may take long. `wake` is called from that thread."""

    def __init__(
        self, node: SourceNode, source: Source, ring: Ring, plan: FeedPlan, wake: Callable[[], None]
    ) -> None:
        super().__init__(node, source, ring, plan)
        self._wake = wake
        self._slots: list[int] = []
        self._ready: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._work, name="feeder", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return (self._over or self._stopped) and not self._ready

    def offer(self, slots: Sequence[int]) -> None:
        with self._changed:
            self._slots += slots
            self._changed.notify()

    def take(self, most: int | None = None, until_ns: int | None = None) -> list[Frame]:
        ready = self._ready
        waiting = len(ready) if most is None else min(most, len(ready))
        return [ready.popleft() for _ in range(waiting)]

    def due_s(self) -> float | None:
        return 0.0 if self._ready else None

    def take_back(self) -> list[int]:
        with self._changed:
            slots, self._slots = self._slots, []
        return slots

    def finish(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to let go of the source; tell whether it did."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        slot = None if self._exhausted else self._next_slot()
        while slot is not None:
            due = self._due_ns()
            if self._schedule is not None and not self._live and not self._sleep_until(due):
                break
            filled = self._read(slot, due)
            if filled is None or self._stopped:
                break
            if self._plan.lossy and not self._slots and not self._exhausted:
                self.dropped += 1  # every slot is taken: the next frame replaces this one
                continue
            self._ready.append(filled)
            self._wake()
            slot = None if self._exhausted else self._next_slot()
        self._over = True
        self._wake()

    def _next_slot(self) -> int | None:
        with self._changed:
            while not self._slots and not self._stopped:
                self._changed.wait()
            return None if self._stopped else self._slots.pop()

    def _sleep_until(self, due_ns: int) -> bool:
        """Wait for the time of the next frame; False when told to stop meanwhile."""
        with self._changed:
            while not self._stopped and (left := due_ns - time.monotonic_ns()) > 0:
                self._changed.wait(left / 1e9)
            return not self._stopped


def make_feeder(
    node: SourceNode, source: Source, ring: Ring, plan: FeedPlan, wake: Callable[[], None]
) -> InlineFeeder | ThreadFeeder:
    """Return the feeder that suits the source."""
    if node.may_block or plan.lossy:
        return ThreadFeeder(node, source, ring, plan, wake)
    return InlineFeeder(node, source, ring, plan)
