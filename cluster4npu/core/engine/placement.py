"""Keeping quick workers off the core that the manager works on.

Processes that stay awake for each other are never woken up, and only then does a system look for a free core: without this
they stay on one core together for seconds, whatever others there are.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable

import psutil

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.002, 1.0


class Apart:
    """Moves workers away, at first at once, then ever more seldom: where it does not help, it shall cost nothing."""

    def __init__(self) -> None:
        self._pause_s = _FIRST_PAUSE_S
        self._due_s = 0.0

    def look(self, pids: Iterable[int]) -> None:
        """Move those of these processes away that are on the caller's core now; they may come back whenever they like."""
        now = time.monotonic()
        if now < self._due_s or sys.platform != "linux":
            return
        self._due_s = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        own = psutil.Process().cpu_num()
        for pid in pids:
            with contextlib.suppress(psutil.Error, OSError):  # it has just died
                if psutil.Process(pid).cpu_num() == own:
                    _leave(pid, own)


def _leave(pid: int, core: int) -> None:
    allowed = os.sched_getaffinity(pid)
    if others := allowed - {core}:
        os.sched_setaffinity(pid, others)
        os.sched_setaffinity(pid, allowed)
