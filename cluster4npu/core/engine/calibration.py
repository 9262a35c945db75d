"""Calibration: how fast each device is on this very pipeline, first alone, then all together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cluster4npu.core.engine.channel import NO_FRAME, Done, Work
from cluster4npu.core.engine.hub import Hub
from cluster4npu.core.engine.messages import DeviceCalibration
from cluster4npu.core.engine.pool import Completed, Lost, Ready, WorkerPool
from cluster4npu.core.engine.ring import FREE, Ring
from cluster4npu.core.engine.suspects import MOST_PROVEN, Suspects

ALONE_S = 0.25
TOGETHER_S = 0.5
LEAST_FRAMES = 5  # per device, unless that takes longer than LONGEST_S
LONGEST_S = 3.0
WARM_UP_FRAMES = 2
BATCH_MS = 200.0  # a batch takes no longer, where the pipeline says nothing of its latency
BATCH_GAIN = 1.1  # a batch must compute so many times the frames that single ones do: it costs latency
_STEP_GAIN = 1.05  # and each doubling so many times those of the last one, or it is not gone on
_LEAST_BATCHES = 4


class Calibrator:
    """Keeps chosen workers saturated with sample frames and counts what they finish.

    `slots` are slots of the ring with a frame in each; they are lent to the calibrator and free again afterwards.
    """

    def __init__(
        self,
        hub: Hub,
        pool: WorkerPool,
        ring: Ring,
        slots: Sequence[int],
        in_flight: int,
        batch_ms: float = BATCH_MS,
        most_in_flight: int = 0,
    ) -> None:
        """Take over the slots; `in_flight` frames are given to each worker, and a batch may take `batch_ms`.

        A batch that needs more in flight gets up to `most_in_flight`: what waits has to be computed before the next
        measurement can begin, so that more than needed only takes time.
        """
        self._batch_s = batch_ms / 1e3
        self._hub = hub
        self._pool = pool
        self._ring = ring
        self._slots = list(slots)
        self._suspects = Suspects(pool)
        self._in_flight = in_flight
        self._most_in_flight = max(in_flight, most_in_flight)

    def run(
        self, active: Sequence[int], progress: Callable[[str], None]
    ) -> tuple[DeviceCalibration, ...] | None:
        """Measure these workers; None when the user stopped it. A worker that dies here gets the weight 0."""
        alone: dict[int, float] = {}
        batches: dict[str, int] = {}  # of one device, whichever of its workers was asked first
        for index in active:
            worker = self._pool.workers[index]
            device = worker.member.settled.partition("#")[0]
            self._pool.set_batch(index, batches.get(device, int(worker.report.get("batch", 1))))
            progress(f"measuring {worker.member.id} alone")
            rates = self._measure([index], ALONE_S)
            if rates is None:
                return None
            alone[index] = rates[index]
            if device not in batches:
                best = self._find_batch(index, rates[index], progress)
                if best is None:
                    return None
                alone[index], batches[device] = best, worker.batch
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
                self._pool.workers[i].batch,
            )
            for i in active
        )

    def _find_batch(self, index: int, fps: float, progress: Callable[[str], None]) -> float | None:
        """Settle how many frames go into a worker's model at once; return its frames/s with that, None when stopped.

        `fps` are those of single frames. Doubled as long as it pays and the batch does not take too long.
        """
        worker = self._pool.workers[index]
        single = best = worker.batch
        best_fps = fps
        size = 2 * best
        most = min(int(worker.report.get("most_batch", 1)), len(self._slots) // 2, self._most_in_flight // 2)
        while fps and size <= most and size / best_fps <= self._batch_s:
            progress(f"measuring {worker.member.id} with {size} frames at once")
            self._pool.set_batch(index, size)
            rates = self._measure([index], ALONE_S)
            if rates is None:
                return None
            if rates[index] < _STEP_GAIN * best_fps:
                break
            best, best_fps = size, rates[index]
            size *= 2
        if best > single:  # once more: another program may have slowed down the single frames before
            self._pool.set_batch(index, single)
            rates = self._measure([index], ALONE_S)
            if rates is None:
                return None
            fps = max(fps, rates[index])
        if best_fps < BATCH_GAIN * fps:
            best, best_fps = single, fps
        self._pool.set_batch(index, best)
        return best_fps

    def compute(self, active: Sequence[int]) -> int | None:
        """Let the first of these workers that lives compute every slot once.

        Return how many inputs its model got for them; None when the user stopped it.
        """
        left, runs = list(self._slots), 0
        for index in active:
            while left and self._pool.workers[index].alive:
                self._give(index, left[-1:])
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
                if isinstance(event, Ready):
                    self._hub.tell_of(event)
        return None

    def _measure(self, active: Sequence[int], least_s: float) -> dict[int, float] | None:
        """Return frames/s of each worker while all of `active` that live are kept busy; 0 for the dead."""
        asked, active = active, [i for i in active if self._pool.workers[i].alive]
        finished: dict[int, list[int]] = {i: [] for i in active}
        wanted = max([self._in_flight, *(2 * self._pool.workers[i].batch for i in active)])
        share = max(1, min(wanted, self._most_in_flight, len(self._slots) // max(1, len(active))))
        lent = {i: self._slots[n * share : (n + 1) * share] for n, i in enumerate(active)}
        begin = time.monotonic()
        batches = {i: self._pool.workers[i].batch for i in active}
        for index in active:
            self._give(index, lent[index])
        busy = sum(len(slots) for slots in lent.values())
        over = False
        while busy:
            for event in self._hub.pump(0.1):
                if isinstance(event, Completed):
                    finished[event.worker] += self._computed(event)
                    # A worker may have answered and died since: its answers come before the news of its death.
                    if over or self._hub.stop_asked or not self._pool.workers[event.worker].alive:
                        busy -= len(event.dones)
                    else:
                        self._give(event.worker, [done.slot for done in event.dones])
                elif isinstance(event, Lost):
                    busy -= self._lose(event, finished)
                elif isinstance(event, Ready):
                    self._hub.tell_of(event)
            for lost in self._pool.tick():
                if isinstance(lost, Lost):
                    busy -= self._lose(lost, finished)
                elif isinstance(lost, Ready):
                    self._hub.tell_of(lost)
            if self._hub.stop_asked:
                return None
            passed = time.monotonic() - begin
            enough = all(len(f) >= _least_frames(batches[i]) for i, f in finished.items())
            over = over or (passed >= least_s and (enough or passed >= LONGEST_S))
        return {i: _rate(finished.get(i, []), batches.get(i, 1)) for i in asked}

    def _computed(self, event: Completed) -> list[int]:
        """Return when a worker was done with each frame that its model did not fail on (monotonic ns).

        One that goes on failing is lost: a failure takes no time, and would make it the fastest of all.
        """
        times = []
        for done in event.dones:
            if done.model_failed:
                worker = self._pool.workers[event.worker]
                why = done.error.decode(errors="replace").rstrip(".")
                worker.notices.append(f"{worker.member.id}: its model failed while it was measured: {why}")
                if self._suspects.failed(event.worker, done.error, able=False) == MOST_PROVEN:
                    self._suspects.renew(event.worker)
            else:
                times.append(done.finished_ns)
                self._suspects.computed(event.worker, ())
        return times

    def _lose(self, lost: Lost, finished: dict[int, list[int]]) -> int:
        """Measure a lost worker no more, and say so; return how many slots came back with its death."""
        measured = finished.pop(lost.worker, None) is not None
        self._hub.tell_of(lost, "while it was measured: " if measured else "")
        for slot in lost.slots:
            self._ring.mark(slot, self._pool.workers[lost.worker].stage.index, FREE)
        return len(lost.slots)

    def _give(self, index: int, slots: Sequence[int]) -> None:
        first = self._ring.new_uses(len(slots))
        self._pool.give(index, [Work(slot, first + n, NO_FRAME) for n, slot in enumerate(slots)])


def _least_frames(batch: int) -> int:
    return LEAST_FRAMES + WARM_UP_FRAMES if batch == 1 else _LEAST_BATCHES * batch


def _rate(finished_ns: Sequence[int], batch: int = 1) -> float:
    """Return frames/s from the times of completion: the first frames are warm-up where there are enough.

    Those of one batch come at the same time: the rate counts from the end of the first batch.
    """
    times = sorted(finished_ns)
    first = max(WARM_UP_FRAMES, batch - 1)
    if len(times) > first + 1:
        times = times[first:]
    if len(times) < 2 or times[-1] == times[0]:
        return float(len(times))
    return (len(times) - 1) * 1e9 / (times[-1] - times[0])
