"""The stamps that the window has: those of the last frames while a run goes on, all of them afterwards."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.metrics.traces import FRAME_TRACE

CAPACITY = 65_536  # frames; 4.4 MB
_FIRST = 1024


class FrameLog:
    """FRAME_TRACE rows in the order in which they came. Bounded: the oldest half goes when it is full."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Forget every frame."""
        self._rows = np.empty(_FIRST, FRAME_TRACE)
        self._count = 0
        self.origin_ns = 0

    @property
    def rows(self) -> np.ndarray:
        """Return all rows; borrowed until the next change."""
        return self._rows[: self._count]

    def extend(self, rows: np.ndarray) -> None:
        """Add rows (copied)."""
        rows = rows[-self._capacity // 2 :]
        if self._count + len(rows) > self._capacity:
            kept = self._rows[self._count // 2 : self._count].copy()
            self._rows[: len(kept)] = kept
            self._count = len(kept)
        while self._count + len(rows) > len(self._rows):
            larger = np.empty(len(self._rows) * 2, FRAME_TRACE)
            larger[: self._count] = self.rows
            self._rows = larger
        if not self.origin_ns and len(rows):
            self.origin_ns = int(rows["scheduled_ns"].min())
        self._rows[self._count : self._count + len(rows)] = rows
        self._count += len(rows)

    def replace(self, rows: np.ndarray) -> None:
        """Take these rows (kept, not copied) in place of all others."""
        self._rows, self._count = rows, len(rows)
        if len(rows):
            self.origin_ns = int(rows["scheduled_ns"].min())

    @property
    def end_ns(self) -> int:
        """Return the last moment there is, 0 without any."""
        return int(self.rows["delivered_ns"].max()) if self._count else 0
