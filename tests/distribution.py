"""Faults repeated many times: how often, how long, and their times told as a distribution, never as a mean.

A long form (`soak`) repeats its fault so often as its row of docs/reliability.md asks for. `SOAK_MINUTES=5` ends each
after that time, whatever it has reached then; what was reached is part of the figures, which stand at the end of the
tests' output.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

_MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
_MOST_HOURS = 12  # a long form that hangs ends sometime, too

figures: list[str] = []  # one line for each distribution that was shown


class Rounds:
    """So many repetitions, or those that fit into the minutes (0: no such bound).

    Iterated, or `begin` and then `going` until it says no.
    """

    def __init__(self, times: int, minutes: float = 0.0) -> None:
        self.times = times
        self._minutes = minutes
        self.begin()

    def begin(self) -> None:
        """Let the time begin, and count from the first again."""
        self.done = 0
        self._begun_s = time.monotonic()

    def going(self) -> bool:
        """Tell whether there shall be another one."""
        late = self._minutes > 0 and time.monotonic() - self._begun_s > self._minutes * 60
        return self.done < self.times and not (late and self.done)

    def at_rate(self, per_s: float) -> int:
        """Return how many there are time for when so many are done a second."""
        return int(min(self.times, self._minutes * 60 * per_s or self.times))

    def __iter__(self) -> Iterator[int]:
        self.begin()
        while self.going():
            yield self.done
            self.done += 1

    def __str__(self) -> str:
        took_s = time.monotonic() - self._begun_s
        return f"{self.done} of {self.times} times in {took_s:.0f} s"


def soak(times: int) -> Any:
    """Return a parameter of the long form only."""
    marks = [pytest.mark.soak, pytest.mark.timeout(_MOST_HOURS * 3600)]
    return pytest.param(Rounds(times, _MINUTES), marks=marks, id=f"{times}")


def short(times: int) -> Any:
    """Return a parameter of the short form."""
    return pytest.param(Rounds(times), id=f"{times}")


def show(what: str, seconds: Sequence[float], rounds: Rounds | None = None) -> str:
    """Note one line for the end of the output, and return it: how many, p50, p99 and the largest, in ms."""
    line = f"{what}: none"
    if len(seconds):
        p50, p99, most = np.percentile(np.asarray(seconds) * 1e3, [50, 99, 100])
        line = f"{what}: n={len(seconds)}  p50={p50:.0f} ms  p99={p99:.0f} ms  max={most:.0f} ms"
    return note(line, rounds)


def note(line: str, rounds: Rounds | None = None) -> str:
    """Note a line for the end of the output, with how far the rounds came; return it."""
    line = f"{line} ({rounds})" if rounds else line
    figures.append(line)
    return line
