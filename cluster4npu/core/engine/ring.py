"""The frame ring: slots for pixels, a table that says what is in them, and a result area for each stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cluster4npu.core.engine import shm

FREE, READING, DONE = range(3)  # how far a stage is with a slot

# One row per slot, written only by the manager's process (feeder, then stream). A slot is lent to workers by a message
# through a pipe, whose system call is also the memory barrier.
SLOT = np.dtype([("height", np.int32), ("width", np.int32)])

_GENERATIONS = 2**32
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class RingLayout:
    """Sizes of a ring; what a worker needs to map it. `result_bytes` is the size of each stage's result area."""

    name: str
    slots: int
    frame_bytes: int
    result_bytes: tuple[int, ...]

    @property
    def table_bytes(self) -> int:
        """Return the bytes of the slot table and of the marks behind it."""
        return _aligned(self.slots * (SLOT.itemsize + 4 * len(self.result_bytes)))

    @property
    def size(self) -> int:
        """Return the bytes of the whole segment."""
        results = sum(map(_aligned, self.result_bytes))
        return self.table_bytes + self.slots * (results + _aligned(self.frame_bytes))


class Ring:
    """A mapped ring. `table` is a SLOT array; `frame(i)` and `result(i)` are views, valid for the process's life.

    Several stages may work on one frame at once: each has a result area and a mark of its own in every slot (`marks`,
    by stage and slot).
    """

    def __init__(self, layout: RingLayout, block: shm.SharedBlock) -> None:
        self.layout = layout
        self._block = block
        self.table: np.ndarray = np.frombuffer(block.memory, SLOT, layout.slots)
        table = memoryview(block.memory)[: layout.slots * SLOT.itemsize]
        # The same rows as numbers: a field of a NumPy record takes ten times as long.
        self._sides, self._sizes = table.cast("I"), table.cast("Q")
        marks = memoryview(block.memory)[len(table) : layout.table_bytes].cast("I")
        stages, slots = len(layout.result_bytes), layout.slots
        self.marks = [marks[stage * slots : (stage + 1) * slots] for stage in range(stages)]
        self._uses = 0  # counted by the manager only
        at = layout.table_bytes
        self._results: list[list[memoryview]] = []
        for nbytes in layout.result_bytes:
            self._results.append([])
            for _ in range(layout.slots):
                self._results[-1].append(memoryview(block.memory)[at : at + nbytes])
                at += _aligned(nbytes)
        self._frames = []
        for _ in range(layout.slots):
            self._frames.append(np.frombuffer(block.memory, np.uint8, layout.frame_bytes, at))
            at += _aligned(layout.frame_bytes)
        self._images = [frame[:0].reshape(0, 0, 3) for frame in self._frames]  # the views made last,
        self._seen = [0] * slots  # and the size of each, as one number

    @classmethod
    def create(cls, slots: int, frame_bytes: int, result_bytes: Sequence[int]) -> Ring:
        """Make a ring with its memory reserved; raises RunFailed when the host has no room."""
        sizes = RingLayout("", slots, frame_bytes, tuple(result_bytes))
        if sizes.size > shm.available_bytes():
            raise shm.no_room(sizes.size)
        block = shm.create("ring", sizes.size)
        return cls(replace(sizes, name=block.name), block)

    @classmethod
    def attach(cls, layout: RingLayout) -> Ring:
        """Map a ring that the manager made."""
        return cls(layout, shm.attach(layout.name, layout.size))

    def frame(self, slot: int) -> np.ndarray:
        """Return the slot's pixels as a flat uint8 array, borrowed as long as the caller owns the slot."""
        return self._frames[slot]

    def image(self, slot: int) -> np.ndarray:
        """Return the slot's frame as H x W x 3 uint8 BGR, borrowed as long as the caller owns the slot."""
        if self._seen[slot] != self._sizes[slot]:
            height, width = self._sides[2 * slot], self._sides[2 * slot + 1]
            self._images[slot] = self._frames[slot][: height * width * 3].reshape(height, width, 3)
            self._seen[slot] = self._sizes[slot]
        return self._images[slot]

    def mark(self, slot: int, stage: int, state: int) -> None:
        """Tell how far a stage is with the slot: READING from when a worker took it up, then DONE; else FREE."""
        self.marks[stage][slot] = state

    def is_begun(self, slot: int, stage: int) -> bool:
        """Tell whether a worker of the stage has taken the slot up and not finished it."""
        return self.marks[stage][slot] == READING

    def set_filled(self, slot: int, height: int, width: int) -> None:
        """Tell that a frame of this size is in the slot."""
        sides, at = self._sides, 2 * slot
        if sides[at] != height or sides[at + 1] != width:  # what is not written stays in the workers' caches
            sides[at], sides[at + 1] = height, width

    def new_uses(self, count: int) -> int:
        """Return the first of so many generations in a row, one for each of the next uses of slots.

        By its generation a late answer to an earlier use of a slot is refused.
        """
        first = self._uses if self._uses + count <= _GENERATIONS else 0
        self._uses = first + count
        return first

    def result(self, slot: int, stage: int = 0) -> memoryview:
        """Return the slot's result area of one stage."""
        return self._results[stage][slot]

    def unlink(self) -> None:
        """Remove the segment's name; what is mapped stays valid until the process ends."""
        self._block.unlink()


def slots_for(frame_bytes: int, workers: int, in_flight: int, wanted: int | None) -> int:
    """Return how many slots a run gets: enough to keep every worker busy while the slowest holds the order back.

    At least `in_flight` per worker and two for the source and the sinks; else 64 or more, in at most a quarter of the
    shared memory that is free, and beyond 256 MiB in at most a sixteenth of it, or 1 GiB.
    """
    least = workers * in_flight + 2
    if wanted is not None:
        return max(wanted, 2)
    free = shm.available_bytes()
    budget = min(free // 4, max(2**28, min(2**30, free // 16)))
    return max(least, min(max(64, 4 * workers + 8), budget // max(frame_bytes, 1)))


def _aligned(size: int) -> int:
    return -(-size // _PAGE) * _PAGE
