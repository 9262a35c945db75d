"""The clocks of an execution: the machine's own, and one that stands still until it is told to go on."""

from __future__ import annotations

import threading
import time
from typing import Protocol

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


def to_ns(ms: float) -> int:
    """Return `ms` milliseconds as whole nanoseconds, so that repeated adding stays exact."""
    return round(ms * NS_PER_MS)


class Clock(Protocol):
    """What an execution needs of time: to read it, and to wait for a moment."""

    def now_ns(self) -> int:
        """Return the present moment in nanoseconds; never goes back."""

    def wait(self, wake: threading.Condition, due_ns: int) -> None:
        """Return at `due_ns`, or earlier when `wake` (held by the caller) is notified."""


class MonotonicClock:
    """The machine's monotonic clock: the performance counter, as `time.monotonic` has steps of 15.6 ms on Windows."""

    def now_ns(self) -> int:
        """Return `time.perf_counter_ns()`."""
        return time.perf_counter_ns()

    def wait(self, wake: threading.Condition, due_ns: int) -> None:
        """Wait in real time."""
        wake.wait(max(0.0, (due_ns - time.perf_counter_ns()) / NS_PER_S))


class VirtualClock:
    """A clock that jumps to the next moment at once: the same run gives the same counts every time.

    It starts at 0. Computations take no time by it, however long they take on the machine.
    """

    def __init__(self) -> None:
        self._now_ns = 0
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        """Return the moment that was reached last."""
        with self._lock:
            return self._now_ns

    def wait(self, wake: threading.Condition, due_ns: int) -> None:
        """Be at `due_ns` at once; never goes back."""
        with self._lock:
            self._now_ns = max(self._now_ns, due_ns)

    def advance(self, ms: float) -> None:
        """Go on by `ms` milliseconds without running anything that falls due in between."""
        with self._lock:
            self._now_ns += to_ns(ms)
