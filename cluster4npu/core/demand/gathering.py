"""The samples of a question that needs several, taken on the clock after it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cluster4npu.core.demand.answer import Entry, Status
from cluster4npu.core.demand.slot import Slot

_MOST_TRIES_PER_SAMPLE = 10


class Feeder(Protocol):
    """What feeds an input."""

    def obtain(self) -> Entry | Status:
        """Return its present output, computed if need be."""


class Gathering:
    """Takes `depth` different outputs of one node, `apart_ns` apart; used under its node's lock only.

    A sample that is the same as the one before is not taken; it is tried again `apart_ns` later, ten times per sample.
    `later(delay_ns)` asks for a call of `Cell.take_samples` then.
    """

    def __init__(self, slot: Slot, apart_ns: int, feeder: Feeder, later: Callable[[int], None]) -> None:
        self.taken_ns = 0
        self.under_way = False
        self.complete = False
        self._slot, self._apart_ns, self._feeder, self._later = slot, apart_ns, feeder, later
        self._tries_left = 0
        self._due_ns = 0

    def begin(self, now_ns: int) -> None:
        """Forget the samples of the last question and take the first one of this."""
        self._slot.clear()
        self.under_way, self.complete = True, False
        self._tries_left = self._slot.depth * _MOST_TRIES_PER_SAMPLE
        self._due_ns = now_ns
        self.take(now_ns)

    def take(self, now_ns: int) -> None:
        """Take a sample if one is due; where that fails, the next ask begins anew."""
        if not self.under_way or now_ns < self._due_ns:
            return
        try:
            found = self._feeder.obtain()
        except Exception:
            self.cancel()
            raise
        if isinstance(found, Entry) and self._slot.store(found):
            found.mark.use()
            self.taken_ns = now_ns
            self.complete = self._slot.look() is not None
        self._tries_left -= 1
        self.under_way = not self.complete and self._tries_left > 0
        if self.under_way:
            self._due_ns += self._apart_ns
            self._later(max(0, self._due_ns - now_ns))

    def cancel(self) -> None:
        """Forget everything; the next ask begins anew."""
        self._slot.clear()
        self.under_way = self.complete = False
