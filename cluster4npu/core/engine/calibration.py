"""Calibration: how fast each device is on this very pipeline, first alone, then all together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cluster4npu.core.engine.channel import Done, Work
from cluster4npu.core.engine.hub import Hub
from cluster4npu.core.engine.messages import DeviceCalibration, WorkerFailed
from cluster4npu.core.engine.pool import Completed, Lost, WorkerPool
from cluster4npu.core.engine.ring import FREE, Ring

ALONE_S = 0.25
TOGETHER_S = 0.5
LEAST_FRAMES = 5  # per device, unless that takes longer than LONGEST_S
LONGEST_S = 3.0
WARM_UP_FRAMES = 2


class Calibrator:
    """Keeps chosen workers saturated with sample frames and counts what they finish.

    `slots` are slots of the ring with a frame in each; they are lent to the calibrator and free again afterwards.
    """

    def __init__(self, hub: Hub, pool: WorkerPool, ring: Ring, slots: Sequence[int], in_flight: int) -> None:
        self._hub = hub
        self._pool = pool
        self._ring = ring
        self._slots = list(slots)
        self._in_flight = in_flight

    def run(
        self, active: Sequence[int], progress: Callable[[str], None]
    ) -> tuple[DeviceCalibration, ...] | None:
        """Measure these workers; None when the user stopped it. A worker that dies here gets the weight 0."""
        alone: dict[int, float] = {}
        for index in active:
            progress(f"measuring {self._pool.workers[index].member.id} alone")
            rates = self._measure([index], ALONE_S)
            if rates is None:
                return None
            alone |= rates
        together = alone
        if len(active) > 1:
            progress("measuring all devices together")
            rates = self._measure(active, TOGETHER_S)
            if rates is None:
                return None
            together = rates
        total = sum(together.values())
        return tuple(
            DeviceCalibration(
                self._pool.workers[i].member.id,
                alone[i],
                together[i],
                together[i] / total if total else 0.0,
            )
            for i in active
        )

    def compute(self, active: Sequence[int]) -> int | None:
        """Let the first of these workers that lives compute every slot once.

        Return how many inputs its model got for them; None when the user stopped it.
        """
        left, runs = list(self._slots), 0
        for index in active:
            while left and self._pool.workers[index].alive:
                self._give(index, left[-1])
                done = self._wait_for(index)
                if self._hub.stop_asked:
                    return None
                if done is not None:
                    left.pop()
                    runs += done.runs
        return runs

    def _wait_for(self, index: int) -> Done | None:
        """Wait until a worker is done with its one slot; None when it was lost, or the user stopped it."""
        while not self._hub.stop_asked:
            for event in [*self._hub.pump(0.1), *self._pool.tick()]:
                if isinstance(event, Completed) and event.worker == index:
                    return event.dones[0]
                if isinstance(event, Lost):
                    self._lose(event, {event.worker: []})
                    if event.worker == index:
                        return None
        return None

    def _measure(self, active: Sequence[int], least_s: float) -> dict[int, float] | None:
        """Return frames/s of each worker while all of `active` that live are kept busy; 0 for the dead."""
        asked, active = active, [i for i in active if self._pool.workers[i].alive]
        finished: dict[int, list[int]] = {i: [] for i in active}
        share = max(1, min(self._in_flight, len(self._slots) // max(1, len(active))))
        lent = {i: self._slots[n * share : (n + 1) * share] for n, i in enumerate(active)}
        begin = time.monotonic()
        for index in active:
            for slot in lent[index]:
                self._give(index, slot)
        busy = sum(len(slots) for slots in lent.values())
        over = False
        while busy:
            for event in self._hub.pump(0.1):
                if isinstance(event, Completed):
                    finished[event.worker] += [done.finished_ns for done in event.dones]
                    # A worker may have answered and died since: its answers come before the news of its death.
                    if over or self._hub.stop_asked or not self._pool.workers[event.worker].alive:
                        busy -= len(event.dones)
                    else:
                        for done in event.dones:
                            self._give(event.worker, done.slot)
                elif isinstance(event, Lost):
                    busy -= self._lose(event, finished)
            for lost in self._pool.tick():
                if isinstance(lost, Lost):
                    busy -= self._lose(lost, finished)
            if self._hub.stop_asked:
                return None
            passed = time.monotonic() - begin
            enough = all(len(f) >= LEAST_FRAMES + WARM_UP_FRAMES for f in finished.values())
            over = over or (passed >= least_s and (enough or passed >= LONGEST_S))
        return {i: _rate(finished.get(i, [])) for i in asked}

    def _lose(self, lost: Lost, finished: dict[int, list[int]]) -> int:
        """Leave a worker out for the whole run, and say so; return how many slots came back with its death."""
        if finished.pop(lost.worker, None) is not None:
            reason = f"{lost.reason} while it was measured"
            self._hub.tell(WorkerFailed(self._pool.workers[lost.worker].member.id, reason, final=True))
        for slot in lost.slots:
            self._ring.mark(slot, self._pool.workers[lost.worker].stage.index, FREE)
        return len(lost.slots)

    def _give(self, index: int, slot: int) -> None:
        self._pool.give(index, [Work(slot, self._ring.identify(slot, -1), -1)])


def _rate(finished_ns: Sequence[int]) -> float:
    """Return frames/s from the times of completion: the first frames are warm-up where there are enough."""
    times = sorted(finished_ns)
    if len(times) > WARM_UP_FRAMES + 1:
        times = times[WARM_UP_FRAMES:]
    if len(times) < 2 or times[-1] == times[0]:
        return float(len(times))
    return (len(times) - 1) * 1e9 / (times[-1] - times[0])
