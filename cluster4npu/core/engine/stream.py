"""One segment of a run: frames in, through their stages, delivered in the order of their source, each exactly once.

    free slot -> intake -> lane of the first stage -> ... -> lane of the last stage -> delivered in order -> free slot

A frame goes into a stage as soon as all stages have finished whose results that one takes; branches work on it at the
same time. It keeps its slot until the last of them has let go of it. Where a source may not wait (`FeedPlan.overload`),
frames that no worker has yet are dropped for newer ones, and counted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from operator import attrgetter
from typing import cast

from cluster4npu.core.engine.channel import AWAKE_NS
from cluster4npu.core.engine.delivery import Deliverer
from cluster4npu.core.engine.frames import Frame, Visit
from cluster4npu.core.engine.hub import Hub
from cluster4npu.core.engine.intake import Inlet, Intake
from cluster4npu.core.engine.lane import Lane
from cluster4npu.core.engine.messages import StateChanged
from cluster4npu.core.engine.overload import LATEST
from cluster4npu.core.engine.placement import Apart
from cluster4npu.core.engine.pool import PAUSED_S, Completed, Lost, PoolEvent, Ready, WorkerPool
from cluster4npu.core.engine.ring import Ring
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.metrics.meter import Meter
from cluster4npu.core.metrics.traces import (
    STATUS_DELIVERED,
    STATUS_DROPPED,
    STATUS_FAILED,
    STATUS_PASSED,
    pack_row,
)

DRAIN_GRACE_S = 2.0  # beyond what the frames in flight should take, when a run is to end
MOST_FAILURES = 32  # without any success: then it is no use going on
_FAILURES_TOLD = 5
_is_over = attrgetter("over")


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Bounds of one segment. `window` bounds the frames under way; None: what full speed needs."""

    seconds: float | None
    window: int | None
    bounded_end: bool = True  # a drain drops what takes far longer than it should


class Stream:
    """Runs one segment; `step` returns False when it is over. Everything is freed again but stopped feeders."""

    def __init__(
        self,
        hub: Hub,
        pool: WorkerPool,
        ring: Ring,
        inlets: Sequence[Inlet],
        lanes: Sequence[Lane],
        deliverer: Deliverer,
        meter: Meter,
        options: StreamOptions,
    ) -> None:
        self._hub, self._pool, self._ring = hub, pool, ring
        self.inlets, self.lanes = inlets, lanes
        self._deliverer, self._options = deliverer, options
        self.meter = meter
        self._entries = [_entries(lanes, inlet.node_id) for inlet in inlets]
        for inlet, entries in zip(inlets, self._entries, strict=True):
            inlet.stage = entries[0].stage.index
        for lane in lanes:
            lane.following = tuple(other for other in lanes if lane.stage.index in other.stage.takes)
        self._lossy = [inlet for inlet in inlets if inlet.is_lossy]
        slots = ring.layout.slots
        self._frames: dict[int, Frame] = {}  # by slot
        window = options.window or self._window([lane.first_window(slots) for lane in lanes])
        self._intake = Intake(ring, inlets, window)
        self._apart = Apart()
        self._draining = False
        self._check_s = 0.0  # monotonic: before, nothing of ours is overdue
        self._patience_ns: int | None = None  # until when a drain waits for what is in flight
        self.failures: list[str] = []
        self.warnings: list[str] = []
        self._intake.offer(urgent=True)

    # ---- figures for snapshots

    def frames_in_and_dropped(self) -> tuple[int, int]:
        """Return how many frames came, and how many of them were dropped: both of one moment."""
        counts = [inlet.in_and_dropped() for inlet in self.inlets]
        return sum(came for came, _ in counts), sum(dropped for _, dropped in counts)

    @property
    def waits(self) -> int:
        """Return how often a source had to wait since no slot was free."""
        return self._intake.waits

    @property
    def in_engine(self) -> int:
        return self._intake.in_engine

    @property
    def waiting_for_order(self) -> int:
        return sum(frame.over for inlet in self.inlets for frame in inlet.order)

    @property
    def reconnects(self) -> int:
        """Return how often live sources were lost and came back, since they were opened."""
        return sum(inlet.reconnects for inlet in self.inlets)

    def queue_of(self, worker: int) -> int:
        """Return how many frames a worker has been assigned and not finished."""
        return self.lanes[self._pool.workers[worker].stage.index].queue_of(worker)

    def source_error(self) -> Cluster4NPUError | None:
        """Return the error of the first source that broke."""
        return next((inlet.feeder.error for inlet in self.inlets if inlet.feeder.error), None)

    # ---- the loop

    def step(self, latest_s: float) -> bool:
        """Wait until something happens (at most until `latest_s`, monotonic) and carry it on; False when over."""
        soon = False
        for lane in self.lanes:
            soon = soon or lane.expects_soon
        for event in self._hub.pump(self._timeout(latest_s), AWAKE_NS if soon else 0):
            self._take_event(event)
        if soon and self._hub.waiter.gave_way and all(lane.is_trivial for lane in self.lanes):
            self._apart.keep(pid for worker in self._pool.workers for pid in worker.pids)
        for lane in self.lanes if not self._lossy else ():  # there a newer frame may be about to come
            lane.work()  # nobody shall run dry while frames are read
        if time.monotonic() >= min(self._check_s, self._pool.quiet_until_s):
            self._check(latest_s)
        self._deliver()
        self._intake.offer(urgent=not all(lane.is_fed for lane in self.lanes))
        self._take_frames()
        if self._lossy:
            self._let_go()
        for lane in self.lanes:
            lane.work()
        if self._intake.ended:
            self._apart.end()
        return not self._intake.ended

    def _timeout(self, latest_s: float) -> float:
        due = self._intake.due_s()
        if due == 0.0:
            return 0.0
        until = min(latest_s, self._check_s, self._pool.quiet_until_s)
        return max(0.0, (until if due is None else min(until, due)) - time.monotonic())

    def _check(self, latest_s: float) -> None:
        """Do what is due, and settle when that has to be looked at again."""
        if time.monotonic() - latest_s > PAUSED_S:
            self._pool.grant_time()
        for event in self._pool.tick():
            self._take_event(event)
        self._check_time()
        self._check_s = math.inf
        if self._options.seconds is not None and not self._draining:
            self._check_s = self.meter.start_ns / 1e9 + self._options.seconds
        if self._patience_ns is not None:
            self._check_s = min(self._check_s, self._patience_ns / 1e9)

    def _check_time(self) -> None:
        seconds = self._options.seconds
        over = seconds is not None and time.monotonic_ns() - self.meter.start_ns >= seconds * 1e9
        if over and not self._draining:
            self.drain()
        if self._patience_ns is not None and self._pool.starting():
            self._patience_ns = time.monotonic_ns() + int(DRAIN_GRACE_S * 1e9)
        if self._patience_ns is not None and time.monotonic_ns() > self._patience_ns:
            self.warnings.append(f"{self.in_engine} frames were not finished in time and were dropped")
            self.abandon()

    def drain(self) -> None:
        """Take no further frame; what is in flight is finished, but a worker that hangs is not waited for."""
        if self._draining:
            return
        self._draining = True
        self._check_s = 0.0  # from now on with the patience of a drain
        self._intake.finish()
        if self._options.bounded_end:
            needed_ns = sum(lane.needed_ns() for lane in self.lanes)
            self._patience_ns = time.monotonic_ns() + int(DRAIN_GRACE_S * 1e9 + 2 * needed_ns)

    def retune(self) -> None:
        """Let as many frames in as the measured service times ask for, unless the user has bounded them.

        A device whose share was a guess gets the one that its frames have shown.
        """
        for lane in self.lanes:
            for words in lane.settle():
                self.warnings.append(words)
                self._hub.tell(StateChanged("running", words, notice=True))
        if not all(lane.is_trivial for lane in self.lanes):
            self._apart.end()
        self._widen()

    def _widen(self) -> None:
        """Let as many frames in as the measured service times ask for."""
        for lane in self.lanes:
            lane.wants_more = False
        windows = [lane.window(self._ring.layout.slots) for lane in self.lanes]
        known = [window for window in windows if window is not None]
        if self._options.window is None and len(known) == len(windows):
            self._intake.set_window(self._window(known))

    def _window(self, windows: Sequence[int]) -> int:
        """Return how many frames shall be under way in all stages: what the one that needs most must have waiting, and
        in each of the others what its workers compute, and the next."""
        largest = max(range(len(windows)), key=windows.__getitem__)
        others = (lane.workers + 1 for index, lane in enumerate(self.lanes) if index != largest)
        return windows[largest] + sum(others)

    def _take_frames(self) -> None:
        frames = self._intake.take()
        if len(self.lanes) == 1:
            self.lanes[0].put(frames)
            return
        for frame in frames:
            self._frames[frame.slot] = frame
            first, *others = self._entries[frame.inlet]
            first.put([frame])
            for lane in others:
                frame.open += 1
                self._send(frame, lane)

    def _let_go(self) -> None:
        """Drop what no worker has: all but the newest, or the oldest ones until the source has a slot ahead."""
        for inlet in self._lossy:
            waiting = [f for f in inlet.order if not any(v.queued_ns for v in (f, *f.later))]
            for frame in waiting[:-1]:
                if inlet.overload != LATEST and self._intake.has_slot_for(inlet):
                    break
                self._drop(inlet, frame)
        self._intake.offer(urgent=True)

    def _drop(self, inlet: Inlet, frame: Frame) -> None:
        for visit in (frame, *frame.later):
            self.lanes[visit.stage].drop(visit)
        inlet.order.remove(frame)
        inlet.dropped += 1
        self._end([frame], STATUS_DROPPED, time.monotonic_ns())
        self._intake.free([frame.slot])

    def _send(self, frame: Frame, lane: Lane) -> None:
        """Let a frame go into one more stage."""
        visit = Visit(frame.slot, frame.frame_id, frame.generation, lane.stage.index)
        frame.later = (*frame.later, visit)
        lane.put([visit])

    # ---- what the pool tells

    def _take_event(self, event: PoolEvent) -> None:
        if isinstance(event, Completed):
            lane = self._lane_of(event.worker)
            self._go_on(lane, lane.finish(event.worker, event.dones))
            if lane.wants_more:
                self._widen()
        elif isinstance(event, Lost):
            self._tell_lost(event)
            lane = self._lane_of(event.worker)
            self._go_on(lane, lane.lose(event))
        elif isinstance(event, Ready):
            self._lane_of(event.worker).set_alive()
            self._hub.tell_of(event)

    def _lane_of(self, worker: int) -> Lane:
        return self.lanes[self._pool.workers[worker].stage.index]

    def _tell_lost(self, event: Lost) -> None:
        self._hub.tell_of(event)
        worker = self._pool.workers[event.worker]
        if event.final and not self._pool.usable(worker.stage.index):
            return  # it was the last: the error says why
        what = "The run went on without it" if event.final else "It was started again"
        self.warnings.append(f"{worker.member.id} failed: {event.reason.rstrip('.')}. {what}")

    def _go_on(self, lane: Lane, visits: Sequence[Visit]) -> None:
        """Take frames on from a stage that they have left: into those whose inputs are now there, or to the end."""
        if len(self.lanes) == 1:
            for frame in cast(Sequence[Frame], visits):  # each is its own only visit
                frame.over = True
                if frame.error:
                    frame.failure = frame.error
            return
        for visit in visits:
            frame = self._frames[visit.slot]
            if visit.error:
                frame.failure = frame.failure or f"{lane.stage.node_id}: {visit.error}"
            elif not frame.failure:
                for following in lane.following:
                    if self._arrive(frame, following):
                        frame.open += 1
                        self._send(frame, following)
            frame.open -= 1
            frame.over = frame.open == 0

    @staticmethod
    def _arrive(frame: Frame, lane: Lane) -> bool:
        """Count one of a stage's inputs; tell whether it was the last."""
        needed = len(lane.stage.takes)
        if needed == 1:
            return True
        frame.arrived = frame.arrived or {}
        frame.arrived[lane.stage.index] = frame.arrived.get(lane.stage.index, 0) + 1
        return frame.arrived[lane.stage.index] == needed

    def require_a_frame(self) -> None:
        """Raise RunFailed when frames failed and none was delivered."""
        failed = sum(inlet.failed for inlet in self.inlets)
        if failed and not any(inlet.out for inlet in self.inlets):
            raise self._all_fail(f"every frame failed ({failed})")

    def _all_fail(self, message: str) -> RunFailed:
        return RunFailed(
            Problem(
                message,
                node=next((lane.stage.node_id for lane in self.lanes if lane.failed), ""),
                found="; ".join(self.failures[:2]),
                hint="Look at the first reason: the model, or what is around it, does not fit the frames.",
            )
        )

    # ---- delivery

    def _deliver(self) -> None:
        for inlet in self.inlets:
            order = inlet.order
            while order and order[0].over and (room := self._deliverer.room()):
                frames = list(takewhile(_is_over, islice(order, room)))
                for _ in frames:
                    order.popleft()
                self._hand_on(inlet, frames)
                self._intake.free([frame.slot for frame in frames])

    def _hand_on(self, inlet: Inlet, frames: Sequence[Frame]) -> None:
        """Hand on what is over, in its order: several frames only where nobody looks at their results."""
        now, last_id = time.monotonic_ns(), inlet.last_id
        for frame in frames:
            if frame.frame_id <= last_id:
                self.meter.out_of_order += 1
            last_id = frame.frame_id
        inlet.last_id = last_id
        good = [frame for frame in frames if not frame.failure]
        inlet.out += len(good)
        self.meter.bytes += 3 * sum([frame.info.height * frame.info.width for frame in good])
        self._end(good, STATUS_DELIVERED, now)
        for frame in frames if len(good) < len(frames) else ():
            if frame.failure:
                self._fail(inlet, frame, now)
        if self._deliverer.is_wanted:
            for frame in frames:
                self._deliverer.hand_out(frame, inlet.node_id, (now - frame.scheduled_ns) / 1e6)

    def _fail(self, inlet: Inlet, frame: Frame, now: int) -> None:
        """Count a frame that failed; raises RunFailed where nothing but that has happened yet."""
        inlet.failed += 1
        if len(self.failures) < _FAILURES_TOLD:
            which = f"frame {frame.number}" + (f" of {inlet.node_id}" if len(self.inlets) > 1 else "")
            self.failures.append(f"{which}: {frame.failure}")
        failed = sum(other.failed for other in self.inlets)
        if failed >= MOST_FAILURES and not any(other.out for other in self.inlets):
            raise self._all_fail(f"each of the first {failed} frames failed")
        self._end([frame], STATUS_FAILED, now)

    def _end(self, frames: Sequence[Frame], status: int, now: int) -> None:
        """Keep the frames' stamps: a row for the stage that each left last, and one for each that it went through."""
        if len(self.lanes) == 1:
            self.meter.ended([_row(frame, frame, status, now) for frame in frames])
            return
        for frame in frames:
            visits = frame.visits() or [frame]
            last = max(visits, key=lambda visit: visit.finished_ns)
            if status == STATUS_DELIVERED:
                passed = [_row(frame, visit, STATUS_PASSED, now) for visit in visits if visit is not last]
                self.meter.ended(passed)
            self.meter.ended([_row(frame, last, status, now)])

    def abandon(self, failure: str = "") -> None:
        """Count everything that is still on its way as dropped, or as failed for this reason."""
        self._apart.end()
        self._intake.finish()
        while list(self._intake.take()):
            pass
        now = time.monotonic_ns()
        for inlet in self.inlets:
            self._end(inlet.order, STATUS_FAILED if failure else STATUS_DROPPED, now)
            if failure:
                inlet.failed += len(inlet.order)
            else:
                inlet.dropped += len(inlet.order)
            inlet.order.clear()
        if failure:
            self.failures.append(f"what was on its way: {failure}")
            for lane in self.lanes:
                lane.fail_the_rest()


def _row(frame: Frame, visit: Visit, status: int, now: int) -> bytes:
    """Return a FRAME_TRACE row."""
    return pack_row(
        frame.frame_id,
        visit.worker,
        status,
        frame.scheduled_ns,
        frame.captured_ns,
        visit.queued_ns,
        visit.started_ns,
        visit.inferred_ns,
        visit.finished_ns,
        now,
    )


def _entries(lanes: Sequence[Lane], source: str) -> tuple[Lane, ...]:
    """Return the stages into which a source's frames go first."""
    return tuple(lane for lane in lanes if source in lane.stage.sources and not lane.stage.takes)
