"""A core for the manager alone, where handing a frame over takes longer than computing it.

Processes that stay awake for each other are never woken up, and only then does a system look for a free core: without
this they stay on one core together for seconds, whatever others there are.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable

import psutil

TRIVIAL_NS = 10_000  # for a frame: about what the manager takes for one
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.002, 1.0


class Apart:
    """Keeps workers off the core that the manager is on, from `keep` to `end`. Linux; elsewhere it does nothing.

    It looks at once, then ever more seldom: where it does not help, it shall cost nothing.
    """

    def __init__(self) -> None:
        self._pause_s, self._due_s = _FIRST_PAUSE_S, 0.0
        self._allowed: dict[int, set[int]] = {}  # by process: the cores that it may use otherwise

    def keep(self, pids: Iterable[int]) -> None:
        """Let these processes use every core that they may, but the caller's present one."""
        now = time.monotonic()
        if now < self._due_s or sys.platform != "linux":
            return
        self._due_s, self._pause_s = now + self._pause_s, min(2 * self._pause_s, _LONGEST_PAUSE_S)
        own = psutil.Process().cpu_num()
        for pid in pids:
            with contextlib.suppress(OSError):  # it has just died
                allowed = self._allowed.setdefault(pid, os.sched_getaffinity(pid))
                os.sched_setaffinity(pid, allowed - {own} or allowed)

    def end(self) -> None:
        """Let them use all their cores again."""
        for pid, allowed in self._allowed.items():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(pid, allowed)
        self._allowed.clear()
