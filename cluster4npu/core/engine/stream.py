"""One segment of a run: frames in, spread over the workers, delivered in order, each exactly once.

    free slot -> feeder -> pending -> a worker's backlog -> in flight -> finished -> delivered in order -> free slot

A frame whose worker was lost goes back to pending; one that has lost two workers is set aside as failed. Where the
source may not wait (`FeedPlan.overload`), frames that no worker has yet are dropped for newer ones, and counted.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cluster4npu.core.engine import codec
from cluster4npu.core.engine.channel import AWAKE_NS, Done, Work
from cluster4npu.core.engine.feeder import FeedPlan, Filled, make_feeder
from cluster4npu.core.engine.hub import Hub
from cluster4npu.core.engine.messages import PreviewReady, Result, WorkerFailed
from cluster4npu.core.engine.outlets import SinkThread
from cluster4npu.core.engine.overload import LATEST
from cluster4npu.core.engine.pool import Completed, Lost, PoolEvent, Ready, WorkerPool
from cluster4npu.core.engine.preview import PreviewArea
from cluster4npu.core.engine.ring import FREE, READING, READY, Ring
from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.metrics.meter import Meter
from cluster4npu.core.metrics.traces import STATUS_DELIVERED, STATUS_DROPPED, STATUS_FAILED
from cluster4npu.core.nodes.base import Delivery, LiveNews, Source, SourceNode
from cluster4npu.core.nodes.values import Value
from cluster4npu.core.scheduling.base import Policy, WorkerView

LEAST_IN_FLIGHT, MOST_IN_FLIGHT = 2, 8
AHEAD_NS = 1_000_000  # work that a worker should have at hand: what waking it up may cost, and more
DRAIN_GRACE_S = 2.0  # beyond what the frames in flight should take, when a run is to end
MOST_FAILURES = 32  # without any success: then it is no use going on
MOST_DEATHS = 2  # workers that a frame may cost before it is set aside
_PORTIONS = 3  # a source refills the window in about so many goes
_FAILURES_TOLD = 5
_NEW_SHARE = 0.1  # of the latest service time in the running mean
_READ_NS = 100_000  # quick frames are read together for so long, then the workers get theirs
_NOBODY = -1


@dataclass(slots=True)
class Frame:
    """One frame on its way. Times are monotonic ns; `over` when it is finished, or will never be."""

    slot: int
    frame_id: int
    generation: int
    filled: Filled
    worker: int = _NOBODY
    queued_ns: int = 0
    started_ns: int = 0
    inferred_ns: int = 0
    finished_ns: int = 0
    result_bytes: int = 0
    deaths: int = 0
    error: str = ""
    over: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """What a segment needs to know of the graph: which values each sink and preview takes, and the class names."""

    exports: tuple[str, ...]
    sinks: tuple[tuple[SinkThread, dict[str, str]], ...]  # sink and, by input port, the NODE.PORT it takes
    labels: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Bounds of one segment. `collect`: where delivered results go, if anywhere."""

    feed: FeedPlan
    seconds: float | None
    window: int | None
    in_flight: int | None
    collect: Callable[[Result], None] | None
    bounded_end: bool = True  # a drain drops what takes far longer than it should


def natural_window(rates: Mapping[str, float], slots: int) -> int:
    """Return how many frames shall be in the engine at once: enough for full speed, since more only wait.

    While the slowest worker computes one frame and has the next at hand, the others must not run dry: that takes
    twice its service time at the summed rate. On top comes what is sent ahead. A worker without a rate counts like the
    slowest one: fresh memory costs time, and what the first frames show will tell (`Stream.retune`).
    """
    least = min((rate for rate in rates.values() if rate > 0), default=1.0)
    measured = [rate or least for rate in rates.values()]
    ahead = sum(
        max(LEAST_IN_FLIGHT, min(int(rate * AHEAD_NS / 1e9) + 1, MOST_IN_FLIGHT)) for rate in measured
    )
    return min(slots, math.ceil(2 * sum(measured) / min(measured)) + ahead + 2)


class Stream:
    """Runs one segment; `step` returns False when it is over. Everything is freed again but a stopped feeder."""

    def __init__(
        self,
        hub: Hub,
        pool: WorkerPool,
        ring: Ring,
        source: tuple[SourceNode, Source],
        active: Sequence[int],
        policy: Policy,
        rates: dict[str, float],
        route: Route,
        preview: PreviewArea,
        meter: Meter,
        options: StreamOptions,
    ) -> None:
        self._hub, self._pool, self._ring = hub, pool, ring
        self._active = {pool.workers[i].member.settled: i for i in active}
        self._policy, self._weights = policy, rates or dict.fromkeys(self._active, 1.0)
        self._route, self._preview, self._options = route, preview, options
        self.meter = meter
        self._source = source[1]
        self._lossy = options.feed.lossy
        self.feeder = make_feeder(source[0], source[1], ring, options.feed, hub.wake)
        self._free = list(reversed(range(ring.layout.slots)))  # the last freed is used first
        self._limit = self._bounded(options.window or natural_window(self._weights, ring.layout.slots))
        self._offered = 0
        self._order: deque[Frame] = deque()
        self._pending: deque[Frame] = deque()
        self._backlog: dict[int, deque[Frame]] = {i: deque() for i in active}
        self._in_flight: dict[int, Frame] = {}  # by slot
        self._depth = dict.fromkeys(active, options.in_flight or LEAST_IN_FLIGHT)
        self._service_ns: dict[int, float] = {}  # running mean by worker
        self._views: dict[str, WorkerView] = {}
        self._next_id = 0
        self._last_id = -1
        self._full = False
        self._draining = False
        self._patience_ns: int | None = None  # until when a drain waits for what is in flight
        self._dropped = 0
        self.failures: list[str] = []
        self.warnings: list[str] = []
        self._set_alive()
        self._offer()

    # ---- figures for snapshots

    def frames_in_and_dropped(self) -> tuple[int, int]:
        """Return both counts of one moment: the feeder's thread may be dropping right now."""
        replaced = self.feeder.dropped
        return self._next_id + replaced, self._dropped + replaced

    @property
    def in_engine(self) -> int:
        return len(self._order)

    @property
    def waiting_for_order(self) -> int:
        return sum(frame.over for frame in self._order)

    @property
    def reconnects(self) -> int:
        """Return how often the source was lost and came back, since it was opened."""
        return self._source.reconnects if isinstance(self._source, LiveNews) else 0

    def queue_of(self, worker: int) -> int:
        """Return how many frames a worker has been assigned and not finished."""
        return len(self._backlog.get(worker, ())) + len(self._pool.workers[worker].in_flight)

    # ---- the loop

    def step(self, latest_s: float) -> bool:
        """Wait until something happens (at most until `latest_s`, monotonic) and carry it on; False when over."""
        for event in self._hub.pump(self._timeout(latest_s), AWAKE_NS if self._expects_soon() else 0):
            self._take_event(event)
        for event in self._pool.tick():
            self._take_event(event)
        self._check_time()
        self._deliver()
        self._offer()
        self._take_frames()
        if self._lossy:
            self._let_go()
            self._offer()
        self._assign()
        if self._policy.steals:
            self._steal()
        self._dispatch()
        return not (self.feeder.ended and not self._order)

    def _timeout(self, latest_s: float) -> float:
        due = self.feeder.due_s()
        times = [latest_s] + [t for t in (due, self._pool.next_due_s()) if t is not None]
        if self._options.seconds is not None and not self._draining:
            times.append(self.meter.start_ns / 1e9 + self._options.seconds)
        if self._patience_ns is not None:
            times.append(self._patience_ns / 1e9)
        return max(0.0, min(times) - time.monotonic())

    def _expects_soon(self) -> bool:
        """Tell whether the next answer is likely to come before this process could go to sleep and wake up."""
        return bool(self._in_flight) and min(self._service_ns.values(), default=AWAKE_NS) < AWAKE_NS

    def _check_time(self) -> None:
        seconds = self._options.seconds
        over = seconds is not None and time.monotonic_ns() - self.meter.start_ns >= seconds * 1e9
        if over and not self._draining:
            self.drain()
        if self._patience_ns is not None and time.monotonic_ns() > self._patience_ns:
            self.warnings.append(f"{len(self._order)} frames were not finished in time and were dropped")
            self.abandon()

    def drain(self) -> None:
        """Take no further frame; what is in flight is finished, but a worker that hangs is not waited for."""
        if self._draining:
            return
        self._draining = True
        self.feeder.finish()
        if self._options.bounded_end:
            needed_ns = max(
                (self.queue_of(i) * self._service_ns.get(i, 0.0) for i in self._active.values()), default=0.0
            )
            self._patience_ns = time.monotonic_ns() + int(DRAIN_GRACE_S * 1e9 + 2 * needed_ns)

    def _offer(self) -> None:
        """Give free slots to the feeder: in portions, one wake-up each, unless a worker has nothing left to do."""
        room = min(len(self._free), self._limit - self._offered - len(self._order))
        if room < self._limit // _PORTIONS and not self._lossy and all(self._backlog.values()):
            return
        for _ in range(room):
            self._offered += 1
            self.feeder.offer(self._free.pop())
        full = self._offered == 0 and not self.feeder.ended
        if full and not self._full:
            self.meter.waits += 1
        self._full = full

    def _take_frames(self) -> None:
        """Number the frames that the source has filled, for so long that the workers need not wait for it."""
        until = time.monotonic_ns() + _READ_NS
        identify, order, pending = self._ring.identify, self._order, self._pending
        while (filled := self.feeder.take()) is not None:
            self._offered -= 1
            frame = Frame(filled.slot, self._next_id, identify(filled.slot, self._next_id), filled)
            self._next_id += 1
            order.append(frame)
            pending.append(frame)
            if filled.captured_ns >= until:
                break  # hand on what was read, and look at the workers

    def _let_go(self) -> None:
        """Drop what no worker has: all but the newest, or the oldest ones until the source has a slot ahead."""
        latest = self._options.feed.overload == LATEST
        waiting = [*self._pending, *(f for backlog in self._backlog.values() for f in backlog)]
        waiting.sort(key=lambda f: f.frame_id)
        for frame in waiting[:-1]:
            if not latest and (self._offered > 1 or len(self._order) + self._offered < self._limit):
                return
            self._drop(frame)

    def _drop(self, frame: Frame) -> None:
        if frame.worker == _NOBODY:
            self._pending.remove(frame)
        else:
            self._backlog[frame.worker].remove(frame)
            self._views[self._pool.workers[frame.worker].member.settled].waiting -= 1
        self._order.remove(frame)
        self._dropped += 1
        self._end(frame, STATUS_DROPPED, time.monotonic_ns())
        self._ring.set_state(frame.slot, FREE)
        self._free.append(frame.slot)

    def _assign(self) -> None:
        while self._pending:
            key = self._policy.assign(self._views)
            if key is None:
                if not self._views and not self._pool.usable():
                    raise self._nobody_left()
                return
            frame = self._pending.popleft()
            frame.worker = self._active[key]
            self._backlog[frame.worker].append(frame)
            self._views[key].waiting += 1

    def _steal(self) -> None:
        """Give each idle worker the first waiting frame that it would finish before the one who has it."""
        for key, view in self._views.items():
            thief = self._active[key]
            if view.waiting or thief not in self._service_ns:
                continue
            for other, backlog in self._backlog.items():
                if not backlog or other not in self._service_ns:
                    continue
                ahead = len(self._pool.workers[other].in_flight)
                first = max(0, int(self._service_ns[thief] / self._service_ns[other]) - ahead)
                if first < len(backlog):
                    frame = backlog[first]
                    del backlog[first]
                    self._views[self._pool.workers[other].member.settled].waiting -= 1
                    frame.worker = thief
                    self._backlog[thief].append(frame)
                    view.waiting += 1
                    break

    def retune(self) -> None:
        """Let as many frames in as the measured service times ask for, unless the user has bounded them."""
        alive = [self._active[key] for key in self._views]
        if alive and self._options.window is None and all(i in self._service_ns for i in alive):
            rates = {str(i): 1e9 / self._service_ns[i] for i in alive}
            self._limit = self._bounded(natural_window(rates, self._ring.layout.slots))

    def _bounded(self, window: int) -> int:
        """Return how many slots may be in use: a source that may not wait has two of its own to read into."""
        return min(self._ring.layout.slots, window + (2 if self._lossy else 0))

    def _dispatch(self) -> None:
        for index, backlog in self._backlog.items():
            worker = self._pool.workers[index]
            room = min(self._depth[index] - len(worker.in_flight), len(backlog)) if worker.alive else 0
            if room <= 0:
                continue
            now = time.monotonic_ns()
            frames = [backlog.popleft() for _ in range(room)]
            for frame in frames:
                frame.queued_ns = now
                self._in_flight[frame.slot] = frame
            self._pool.give(index, [Work(f.slot, f.generation, f.frame_id) for f in frames])

    # ---- what the pool tells

    def _take_event(self, event: PoolEvent) -> None:
        if isinstance(event, Completed):
            self._finish(event.worker, event.dones)
        elif isinstance(event, Lost):
            self._lose(event)
        elif isinstance(event, Ready):
            self._set_alive()

    def _finish(self, index: int, dones: Sequence[Done]) -> None:
        """Take a worker's answers, oldest first."""
        key = self._pool.workers[index].member.settled
        frames, busy_ns, spent = 0, 0, 0
        for done in dones:
            frame = self._in_flight.get(done.slot)
            if frame is None or frame.generation != done.generation:
                continue  # an answer to an earlier use of the slot
            del self._in_flight[done.slot]
            _, _, _, started, frame.inferred_ns, finished, frame.result_bytes, frame.error = done
            frame.started_ns, frame.finished_ns, frame.over = started, finished, True
            spent = max(finished - started, 1)
            frames += 1
            busy_ns += spent
            self._policy.finished(key, spent / 1e9)
        if not frames:
            return
        self._views[key].waiting -= frames
        self.meter.finished(index, frames, busy_ns)
        mean, new = self._service_ns.get(index, spent), 1 - (1 - _NEW_SHARE) ** frames
        self._service_ns[index] = mean + new * (busy_ns / frames - mean)
        if self._options.in_flight is None:
            enough = AHEAD_NS // spent
            self._depth[index] = max(LEAST_IN_FLIGHT, min(enough, MOST_IN_FLIGHT))

    def _lose(self, event: Lost) -> None:
        worker = self._pool.workers[event.worker]
        self._hub.tell(WorkerFailed(worker.member.id, event.reason, event.final))
        self.warnings.append(
            f"{worker.member.id}: {event.reason}; "
            + ("the run went on without it" if event.final else "it was started again")
        )
        frames = [self._in_flight.pop(slot) for slot in event.slots if slot in self._in_flight]
        for frame in frames:
            if self._ring.state(frame.slot) == READING:  # begun: the others had only been sent ahead
                frame.deaths += 1
                if frame.deaths >= MOST_DEATHS:
                    frame.error = f"it cost {MOST_DEATHS} workers their life ({event.reason})"
                    frame.over = True
            self._ring.set_state(frame.slot, READY)
        backlog = self._backlog.get(event.worker, deque())
        again = [f for f in frames if not f.error] + list(backlog)
        backlog.clear()
        self._pending.extendleft(sorted(again, key=lambda f: -f.frame_id))
        self._set_alive()
        if not self._pool.usable():
            raise self._nobody_left()

    def _set_alive(self) -> None:
        alive = {k: i for k, i in self._active.items() if self._pool.workers[i].alive}
        self._views = {k: WorkerView(self.queue_of(i), self._depth[i]) for k, i in alive.items()}
        measured = {k: self._weights[k] for k in alive if self._weights.get(k, 0.0) > 0}
        self._policy.set_weights(measured or dict.fromkeys(alive, 1.0))

    def _nobody_left(self) -> RunFailed:
        reasons = "; ".join(f"{w.member.id}: {w.failure}" for w in self._pool.workers if w.failure)
        return RunFailed(
            Problem(
                "every device has failed",
                field="devices",
                found=reasons,
                hint="Choose another device, or look whether its driver or the model is at fault.",
            )
        )

    def _all_fail(self) -> RunFailed:
        return RunFailed(
            Problem(
                f"each of the first {self.meter.failed} frames failed",
                found="; ".join(self.failures[:2]),
                hint="Look at the first reason: the model, or what is around it, does not fit the frames.",
            )
        )

    # ---- delivery

    def _deliver(self) -> None:
        order, sinks = self._order, self._route.sinks
        while order and order[0].over:
            if sinks and not all(sink.has_room() for sink, _ in sinks):
                return
            frame = order.popleft()
            self._hand_on(frame)
            self._ring.set_state(frame.slot, FREE)
            self._free.append(frame.slot)

    def _hand_on(self, frame: Frame) -> None:
        now = time.monotonic_ns()
        self.meter.out_of_order += frame.frame_id <= self._last_id
        self._last_id = frame.frame_id
        info = frame.filled.info
        if frame.error:
            if len(self.failures) < _FAILURES_TOLD:
                self.failures.append(f"frame {frame.frame_id}: {frame.error}")
            self.meter.settle()
            if self.meter.failed >= MOST_FAILURES and not self.meter.out:
                raise self._all_fail()
        else:
            self.meter.bytes += info.height * info.width * 3
        self._end(frame, STATUS_FAILED if frame.error else STATUS_DELIVERED, now)
        if self._route.sinks or self._options.collect or self._hub.preview_wish:
            self._hand_out(frame, (now - frame.filled.scheduled_ns) / 1e6)

    def _hand_out(self, frame: Frame, latency_ms: float) -> None:
        """Decode the results, for whoever has asked for them."""
        values: dict[str, Value] = {}
        if frame.result_bytes:
            values = codec.decode(self._ring.result(frame.slot), self._route.exports)
        info = frame.filled.info
        device = self._pool.workers[frame.worker].member.id if frame.worker != _NOBODY else ""
        for sink, wires in self._route.sinks:
            inputs = {port: values[key] for port, key in wires.items() if key in values}
            labels = next((self._route.labels[k] for k in wires.values() if k in self._route.labels), ())
            sink.put(
                Delivery(
                    frame.frame_id,
                    info.stream_ms,
                    device,
                    latency_ms,
                    info.height,
                    info.width,
                    inputs,
                    labels,
                    frame.error,
                )
            )
        if self._options.collect:
            self._options.collect(
                Result(frame.frame_id, device, latency_ms, info.stream_ms, values, frame.error)
            )
        wish = self._hub.preview_wish
        if wish and not frame.error:
            self._hub.preview_wish = None
            height, width, scale = self._preview.write(self._ring.image(frame.slot), wish)
            self._hub.tell(PreviewReady(frame.frame_id, height, width, scale, values))

    def _end(self, frame: Frame, status: int, now: int) -> None:
        _, _, scheduled_ns, captured_ns = frame.filled
        self.meter.ended(
            frame.frame_id,
            frame.worker,
            status,
            scheduled_ns,
            captured_ns,
            frame.queued_ns,
            frame.started_ns,
            frame.inferred_ns,
            frame.finished_ns,
            now,
        )

    def abandon(self) -> None:
        """Count everything that is still on its way as dropped."""
        self.feeder.finish()
        while (filled := self.feeder.take()) is not None:
            frame = Frame(filled.slot, self._next_id, 0, filled)
            self._next_id += 1
            self._order.append(frame)
        self._dropped += len(self._order)
        now = time.monotonic_ns()
        for frame in self._order:
            self._end(frame, STATUS_DROPPED, now)
        self._order.clear()
