"""An input slot: the newest outputs of the node that feeds it, and no others."""

from __future__ import annotations

import threading
from collections import deque

from cluster4npu.core.demand.answer import Entry


class Slot:
    """Holds at most `depth` different entries, newest last.

    What its node has looked at moves back when a newer entry comes, and falls out at the end. What it has not looked
    at is overwritten. From any thread.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._entries: deque[Entry] = deque(maxlen=depth)
        self._looked = True
        self._lock = threading.Lock()

    def store(self, entry: Entry) -> bool:
        """Put `entry` in as the newest; return False if it, or a newer one, is there already."""
        with self._lock:
            if self._entries and entry.version <= self._entries[-1].version:
                return False
            if not self._looked:
                self._entries.pop()
            self._entries.append(entry)
            self._looked = False
            return True

    def look(self) -> tuple[Entry, ...] | None:
        """Return all entries, oldest first; None while there are fewer than `depth`."""
        with self._lock:
            self._looked = True
            return tuple(self._entries) if len(self._entries) == self.depth else None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._looked = True
