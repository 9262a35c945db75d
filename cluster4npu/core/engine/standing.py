"""Processes that stand by: everything is imported in them, and they have only to load the model of whom they become.

Where the system can, they are copies of one that has imported what all need (`template.py`), and there is always one:
it is copied when it is asked for, if none stands by. Several workers are copies of it from the first on.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Sequence

import psutil

from cluster4npu.core.engine.channel import Waiter
from cluster4npu.core.engine.generation import KILL_TIMEOUT_S, Generation
from cluster4npu.core.engine.template import CAN_COPY, Template, is_stopped
from cluster4npu.core.engine.worker import WorkerSpec, import_for_workers

FIRST_PAUSE_S, AGAIN_S = 0.3, 0.1  # from the begin of the run, and from the use of one, to the next
RECENT_S = 10.0  # as many stand by as workers were lost in this time,
MOST = 3  # but no more than that, and always one
IMPORT_S = 20.0  # what is copied has so long to import everything; then processes are started instead
LEAST_FREE_BYTES = 512 << 20  # of memory: with less, none is started (one takes 40 MB, torch's more)


class Standbys:
    """The stock of them. None is there before `keep`; what is taken is replaced. `due_s`: when `tick` has work."""

    def __init__(self, waiter: Waiter, numbers: Iterator[int], most: int) -> None:
        """`numbers` are those of the generations; `most` stand by at once, if ever so many are lost."""
        self._waiter, self._numbers, self._most = waiter, numbers, min(most, MOST)
        self._there: deque[Generation] = deque()  # the first one started is the first one taken
        self._lost_s: deque[float] = deque(maxlen=MOST)
        self._template: Template | None = None
        self._heard_as: int | None = None  # the number by which the waiter tells of it while it imports
        self.importing_until_s: float | None = None
        self._backends: Sequence[str] = ()
        self.due_s: float | None = None

    @property
    def pids(self) -> list[int]:
        """Return the processes that stand by."""
        there = [*(generation.process for generation in self._there), self._template]
        return [pid for process in there if process is not None and (pid := process.pid) is not None]

    def prepare(self) -> None:
        """Start what all are to be copies of, where that is possible; see `importing_until_s` and `hear`.

        Raises OSError when the system has no room for a process.
        """
        self._let_go_of_template(0.0)
        if CAN_COPY:
            self._template = template = Template(import_for_workers)
            self._heard_as = next(self._numbers)
            self._waiter.add(f"talk:{self._heard_as}", template.handle)
            self.importing_until_s = time.monotonic() + IMPORT_S

    def hear(self, number: int) -> None:
        """Look whether what is copied is ready, if it is the one of this number."""
        if number == self._heard_as and self._template is not None and not self._template.is_importing():
            self._stop_hearing()

    def tired(self, now: float) -> bool:
        """Give up what still imports after its time; tell whether it was so."""
        if self.importing_until_s is None or now < self.importing_until_s:
            return False
        self._stop_hearing()
        if self._template is not None:
            self._template.close(KILL_TIMEOUT_S)  # and kept, so that it is not tried again
        return True

    def _stop_hearing(self) -> None:
        if self._heard_as is not None:
            self._waiter.remove(f"talk:{self._heard_as}")
        self._heard_as = self.importing_until_s = None

    def _let_go_of_template(self, timeout_s: float) -> None:
        self._stop_hearing()
        if self._template is not None:
            self._template.close(timeout_s)
            self._template = None

    def keep(self, backends: Sequence[str]) -> None:
        """Have one there from now on, with these backends imported."""
        self._backends = backends
        self.due_s = time.monotonic() + FIRST_PAUSE_S

    def tick(self, now: float, *, busy: bool) -> None:
        """Start the next one where it is due; `busy`: the processor is needed for a worker that is on its way back."""
        if self.due_s is None or now < self.due_s:
            return
        self.due_s = None
        if busy or self._is_one_importing():
            self.due_s = now + AGAIN_S
        elif psutil.virtual_memory().available >= LEAST_FREE_BYTES and len(self._there) < self._wanted(now):
            with contextlib.suppress(OSError):  # no room for a process: then there is none
                self._start()
            self.due_s = now + AGAIN_S if len(self._there) < self._wanted(now) else None

    def _is_one_importing(self) -> bool:
        """Tell whether the last one started is not ready yet: two at once would take twice as long, each."""
        if self._template is not None and self._template.is_importing():
            return True
        return bool(self._there) and not self._there[-1].channel.has_more()

    def _wanted(self, now: float) -> int:
        recent = sum(now - lost_s < RECENT_S for lost_s in self._lost_s)
        return min(self._most, max(1, recent))

    def _start(self) -> None:
        """Start the next one, or first what it is to be a copy of. Raises OSError when there is no room for it."""
        if CAN_COPY and (self._template is None or (self._template.is_ready and self._template.is_gone())):
            self.prepare()
            return
        generation = Generation.standby(next(self._numbers), self._backends, self._copied())
        self._waiter.add(f"exit:{generation.number}", generation.process.sentinel)
        self._there.append(generation)

    def _copied(self) -> Template | None:
        """Return what can be copied now; None where a process must be started and import everything."""
        template = self._template
        if template is None or not template.is_ready or template.is_gone() or is_stopped(template.pid):
            return None
        return template

    def take(self, spec: WorkerSpec, load_timeout_s: float) -> Generation | None:
        """Return one that becomes this worker now, and have it replaced; None when there is none."""
        if self._backends:
            now = time.monotonic()
            self._lost_s.append(now)
            self.due_s = now + AGAIN_S
        if not self._there and self._copied():
            with contextlib.suppress(OSError):
                self._start()
        while self._there:
            generation = self._there.popleft()
            self._waiter.remove(f"exit:{generation.number}")
            if not is_stopped(generation.process.pid) and generation.become(spec, load_timeout_s):
                return generation
            generation.close(0.0)
        return None

    def forget(self, number: int) -> None:
        """Let go of the one of this number, if it is one of these: it has ended, and is not replaced."""
        for generation in [g for g in self._there if g.number == number]:
            self._there.remove(generation)
            self._waiter.remove(f"exit:{number}")
            generation.close(0.0)

    def stop(self) -> None:
        """End all of them."""
        self.due_s = None
        for generation in self._there:
            self._waiter.remove(f"exit:{generation.number}")
            generation.close(KILL_TIMEOUT_S)
        self._there.clear()
        self._let_go_of_template(KILL_TIMEOUT_S)
