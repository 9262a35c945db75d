"""Where frames come in: the sources of a running segment, each served in its turn."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from cluster4npu.core.engine.feeder import InlineFeeder, ThreadFeeder
from cluster4npu.core.engine.frames import Frame
from cluster4npu.core.engine.overload import BLOCK
from cluster4npu.core.engine.ring import Ring
from cluster4npu.core.nodes.base import LiveNews, Source

_PORTIONS = 3  # a source refills the window in about so many goes
_READ_NS = 100_000  # quick frames are read together for so long, then the workers get theirs


@dataclass
class Inlet:
    """One source of a segment. `order` holds its frames that have not been handed on, oldest first.

    `out` and `failed` count what was handed on; `dropped` what it gave and nobody got; `overload` says when that is.
    """

    index: int
    node_id: str
    source: Source
    overload: str
    feeder: InlineFeeder | ThreadFeeder
    stage: int = 0  # the first that its frames go into
    offered: int = 0
    order: deque[Frame] = field(default_factory=deque)
    taken: int = 0
    last_id: int = -1
    out: int = 0
    failed: int = 0
    dropped: int = 0

    @property
    def is_lossy(self) -> bool:
        """Tell whether frames are dropped when nobody is free for them."""
        return self.overload != BLOCK

    def in_and_dropped(self) -> tuple[int, int]:
        """Return how many frames the source has given, and how many of them were given up.

        Both are of one moment: the feeder's thread may be dropping right now.
        """
        replaced = self.feeder.dropped
        return self.taken + replaced, self.dropped + replaced

    @property
    def reconnects(self) -> int:
        """Return how often the source was lost and came back, since it was opened."""
        return self.source.reconnects if isinstance(self.source, LiveNews) else 0

    @property
    def slots(self) -> int:
        """Return how many slots it holds."""
        return self.offered + len(self.order)


class Intake:
    """All sources, and the free slots that they share. `free` takes slots back.

    The source that holds the fewest slots is served first: each gets as much as any other, whatever a slow one
    leaves goes to the others, and none waits for a slot behind frames of a faster one.
    """

    def __init__(self, ring: Ring, inlets: Sequence[Inlet], window: int) -> None:
        self.inlets = inlets
        self.waits = 0
        self._ring = ring
        self._free = list(reversed(range(ring.layout.slots)))  # the last freed is used first
        self.free = self._free.extend
        self._next_id = self._turn = 0
        self._full = False
        self.set_window(window)

    def set_window(self, window: int) -> None:
        """Let so many frames be under way; a source that may not wait has two slots more to read into, and where there
        are several, each has two at least."""
        least = 2 * len(self.inlets) if len(self.inlets) > 1 else 1
        more = 2 * sum(inlet.is_lossy for inlet in self.inlets)
        self._limit = min(self._ring.layout.slots, max(window, least) + more)

    @property
    def ended(self) -> bool:
        """Tell whether no source will give a frame any more, and all have been handed on."""
        return all(inlet.feeder.ended and not inlet.order for inlet in self.inlets)

    @property
    def in_engine(self) -> int:
        return sum(len(inlet.order) for inlet in self.inlets)

    def has_slot_for(self, inlet: Inlet) -> bool:
        """Tell whether a source has a slot to read into beside the one that it is reading into, or can get one."""
        held = sum(inlet.slots for inlet in self.inlets)
        return inlet.offered > 1 or held < self._limit

    def due_s(self) -> float | None:
        """Return when `take` shall be called again without any wake-up (monotonic seconds; 0: now), or None."""
        first: float | None = None
        for inlet in self.inlets:
            due = inlet.feeder.due_s()
            if due is not None and (first is None or due < first):
                first = due
        return first

    def finish(self) -> None:
        """Take no further frame."""
        for inlet in self.inlets:
            inlet.feeder.finish()

    def offer(self, *, urgent: bool) -> None:
        """Give free slots to the feeders: in portions, one wake-up each, unless a worker has nothing left to do."""
        if len(self.inlets) == 1:
            self._offer_one(self.inlets[0], urgent)
        else:
            self._offer_all()
        full = False
        for inlet in self.inlets:
            full = full or (inlet.offered == 0 and not inlet.feeder.ended)
        if full and not self._full:
            self.waits += 1
        self._full = full

    def _offer_one(self, inlet: Inlet, urgent: bool) -> None:
        room = min(len(self._free), self._limit - inlet.slots)
        if room < self._limit // _PORTIONS and not inlet.is_lossy and not urgent:
            return
        if room > 0:
            inlet.offered += room
            inlet.feeder.offer(self._free[-room:])
            del self._free[-room:]

    def _offer_all(self) -> None:
        ahead = max(2, self._limit // (2 * len(self.inlets)))
        for inlet in self.inlets:
            if inlet.offered and inlet.feeder.ended:
                self._free += inlet.feeder.take_back()
                inlet.offered = 0
        room = min(len(self._free), self._limit - sum(inlet.slots for inlet in self.inlets))
        for _ in range(room):
            wanting = [i for i in self.inlets if i.offered < ahead and not i.feeder.ended]
            if not wanting:
                return
            inlet = min(wanting, key=lambda i: i.slots)
            inlet.offered += 1
            inlet.feeder.offer([self._free.pop()])

    def take(self) -> list[Frame]:
        """Return the frames that the sources have filled, numbered: one of each in turn, and only for so long that
        the workers need not wait for it."""
        until = time.monotonic_ns() + _READ_NS
        taken: list[Frame] = []
        self._turn = (self._turn + 1) % len(self.inlets)
        turns = (*self.inlets[self._turn :], *self.inlets[: self._turn])
        most = 1 if len(turns) > 1 else None
        going = True
        while going:
            going = False
            for inlet in turns:
                if frames := inlet.feeder.take(most, until):
                    taken += self._number(inlet, frames)
                    going = most is not None and frames[-1].captured_ns < until
        return taken

    def _number(self, inlet: Inlet, frames: list[Frame]) -> list[Frame]:
        stage, index, frame_id, number = inlet.stage, inlet.index, self._next_id, inlet.taken
        use = self._ring.new_uses(len(frames))
        for frame in frames:
            frame.frame_id, frame.generation, frame.number = frame_id, use, number
            frame.stage, frame.inlet = stage, index
            frame_id, use, number = frame_id + 1, use + 1, number + 1
        self._next_id, inlet.taken = frame_id, number
        inlet.offered -= len(frames)
        inlet.order.extend(frames)
        return frames


def shares(frames: int | None, sources: int) -> list[int | None]:
    """Share out how many frames shall be read in all: evenly, the first sources getting what is left over."""
    if frames is None:
        return [None] * sources
    least, more = divmod(frames, sources)
    return [least + (index < more) for index in range(sources)]
