"""A watchdog of the window's thread: how long it was held up, by wall time, and by which of our code."""

from __future__ import annotations

import contextlib
import faulthandler
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, QTimer

TICK_MS = 5
SAMPLE_S = 0.005
LATE_S = 0.02  # so late, it is looked where the thread is
LIMIT_S = 0.05
_LINE = re.compile(r'  File "(.+)", line (\d+) in (.+)')
_OURS = str(Path(__file__).resolve().parents[1])


@dataclass(slots=True)
class Block:
    """One stretch in which the thread answered nothing: for how long it did, how much of that it computed (s), and
    where it was, the most frequent place first.
    """

    seconds: float = 0.0
    worked: float = 0.0
    places: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = "; ".join(self.places[:4]) or "an unknown place"
        return f"{self.seconds * 1000:.0f} ms ({self.worked * 1000:.0f} ms of them computing) in {where}"


def repeated(turns: Sequence[Block], limit_s: float = LIMIT_S) -> Block | None:
    """Return the shortest of these blocks of the same doings when it is ours: it comes in each turn, and either
    computes for so long or is found in the same function each time. What others do to the machine is neither.
    """
    shortest = min(turns, key=lambda block: block.seconds)
    functions = [{place.split()[-1] for place in block.places} for block in turns]
    computes = all(block.worked > limit_s for block in turns)
    if shortest.seconds > limit_s and (computes or set.intersection(*functions)):
        return shortest
    return None


class Watchdog:
    """Looks on from a timer of the window's thread, whose late ticks are blocks, and from a thread that sees its stack.

    Wall time counts, so that waiting for a lock, a disk, a pipe or another thread of this process is seen too. For how
    long the system let the thread wait for a core does not, nor for how long it slept while other threads of this
    process, which may have held what it waited for, waited for one (Linux tells): on a busy machine that is the doing
    of others, and on one that is not it is nothing. `longest` is the longest block so far.
    """

    def __init__(self, parent: QObject) -> None:
        self.longest = Block()
        self.ticks = 0
        self._timer = QTimer(parent, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._thread, self._task = threading.get_ident(), str(threading.get_native_id())
        self._samples: list[tuple[float, str]] = []
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._last, self._before = time.perf_counter(), self._times()
        self._timer.start()
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._tick()
        self._timer.stop()
        self._ended.set()
        self._sampler.join()

    def _tick(self) -> None:
        now, times = time.perf_counter(), self._times()
        worked, queued, others = (new - old for new, old in zip(times, self._before, strict=True))
        asleep = now - self._last - TICK_MS / 1000 - worked - queued
        held = worked + max(0.0, asleep - max(0.0, others))
        if held > self.longest.seconds:
            seen = Counter(place for at, place in self._samples if self._last <= at <= now)
            self.longest = Block(held, worked, [place for place, _ in seen.most_common()])
        self.ticks += 1
        self._samples.clear()
        self._last, self._before = now, times

    def _times(self) -> tuple[float, float, float]:
        """Return how long the thread has worked and waited for a core, and how long all others have waited for one.

        In seconds; what the system does not tell is 0.
        """
        worked, queued, others = time.thread_time(), 0.0, 0.0
        for stat in Path("/proc/self/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # the thread has just ended
                waited = int(stat.read_text().split()[1]) / 1e9
                if stat.parent.name == self._task:
                    queued = waited
                else:
                    others += waited
        return worked, queued, others

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            now = time.perf_counter()
            if now - self._last > LATE_S:
                self._samples.append((now, _place(self._thread)))


def _place(thread: int) -> str:
    """Return the innermost line of this repository in a thread's stack, and the function in which it stands.

    `sys._current_frames` would lend us the frames: what they hold, such as a painter, would live too long.
    """
    with tempfile.TemporaryFile() as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        stacks = file.read().decode(errors="replace").split("\n\n")
    for line in next((stack for stack in stacks if f"{thread:x}" in stack), "").splitlines():
        found = _LINE.match(line)
        if found and found[1].startswith(_OURS) and "/.venv/" not in found[1]:
            return f"{Path(found[1]).name}:{found[2]} {found[3]}"
    return "Qt"
