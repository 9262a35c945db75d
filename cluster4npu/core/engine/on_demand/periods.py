"""What each node did in each mode of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cluster4npu.core.demand import NodeCounts

Counts = Mapping[str, NodeCounts]


@dataclass(slots=True)
class Period:
    """All the time that a run spent in one mode."""

    mode: str
    seconds: float = 0.0
    counts: dict[str, NodeCounts] = field(default_factory=dict)

    def add(self, seconds: float, before: Counts, now: Counts) -> None:
        """Add a stretch of it, from the counts at its beginning and end."""
        self.seconds += seconds
        for name, counts in now.items():
            new = counts - before.get(name, NodeCounts())
            self.counts[name] = self.counts.get(name, NodeCounts()) + new


class Periods:
    """The periods of a run by mode, the present one still open. From any thread."""

    def __init__(self, mode: str, counts: Callable[[], Counts]) -> None:
        self._counts = counts
        self._mode, self._since_s = mode, 0.0
        self._before = dict(counts())
        self._periods: dict[str, Period] = {}
        self._lock = threading.Lock()

    def end(self, now_s: float, mode: str) -> None:
        """End the present period; that of `mode` begins."""
        now = dict(self._counts())
        with self._lock:
            period = self._periods.setdefault(self._mode, Period(self._mode))
            period.add(now_s - self._since_s, self._before, now)
            self._mode, self._since_s, self._before = mode, now_s, now

    def all(self, now_s: float) -> tuple[Period, ...]:
        """Return the periods until now, by mode, in the order in which the modes first came."""
        self.end(now_s, self._mode)
        with self._lock:
            return tuple(self._periods.values())
