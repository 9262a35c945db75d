"""The pool of worker processes: starting, loading, handing out work, noticing deaths and starting again.

Nothing here waits: a process that is to end is killed, and is lost when its sentinel says that it is gone. Only then
are its slots given to others, since until then it may write into them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any, NamedTuple

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.engine.channel import Control, Done, Handed, Waiter
from cluster4npu.core.engine.generation import KILL_TIMEOUT_S, Generation
from cluster4npu.core.engine.losses import Losses
from cluster4npu.core.engine.ring import RingLayout
from cluster4npu.core.engine.standing import Standbys
from cluster4npu.core.engine.worker import WorkerSpec, error_from_record
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.nodes.base import FrameSpec
from cluster4npu.core.pipeline.plan import ExecutionPlan, PoolMember, StagePlan
from cluster4npu.core.reasons import reason_of

SPARE_PAUSE_S = 0.5  # after a spare has taken over, until the next one is started
PAUSED_S = 1.0  # so late after it was due, this process itself was stopped, or had no core


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker is loaded and has mapped the ring; `down_s` after it was lost (None: for the first time)."""

    worker: int
    down_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The worker cannot load, since model or device is wrong; or its device is gone, and will not come back."""

    worker: int
    error: Cluster4NPUError


class Completed(NamedTuple):
    """The worker is done with these slots."""

    worker: int
    dones: list[Done]


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker died, was ended, or was `killed` by somebody else.

    `slots` had been given to it (in this order) and are the manager's again.
    """

    worker: int
    slots: tuple[int, ...]
    reason: str
    final: bool
    killed: bool = False


PoolEvent = Ready | Refused | Completed | Lost


@dataclass(slots=True)
class Worker:
    """One member of a stage's pool and the process that serves it now; `spare` is another, loaded and waiting.

    `state`: starting, loaded, ready, restarting, failed, stopped.
    """

    index: int
    member: PoolMember
    stage: StagePlan
    state: str = "starting"
    now: Generation | None = None
    spare: Generation | None = None
    in_flight: dict[int, int] = field(
        default_factory=dict
    )  # slot -> when it is overdue (monotonic ns), oldest first
    report: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    costs: dict[str, Any] = field(default_factory=dict)  # of its nodes, as its process told last
    notices: list[str] = field(default_factory=list)  # what its processes told that the user should know
    losses: Losses = field(default_factory=Losses)
    batch: int = 1  # frames that go into its model at once
    restarts: int = 0
    due_s: float | None = None  # when it is to be started again
    spare_due_s: float | None = None  # when a spare is to be started
    lost_s: float | None = None  # since when it is not there
    failure: str = ""

    @property
    def given_up(self) -> bool:
        """Tell whether this worker will not come any more, and nothing of it is left."""
        return self.state in ("failed", "stopped") and self.now is None

    @property
    def pids(self) -> list[int]:
        """Return the processes that are there for it."""
        found = [g.process.pid for g in (self.now, self.spare) if g is not None]
        return [pid for pid in found if pid is not None]

    @property
    def alive(self) -> bool:
        return self.state == "ready"


class WorkerPool:
    """All workers of all stages. Every method returns at once; `handle` and `tick` tell what has happened."""

    def __init__(
        self,
        plan: ExecutionPlan,
        frames: Sequence[FrameSpec],
        waiter: Waiter,
        *,
        frame_timeout_s: float,
        load_timeout_s: float = 180.0,
        copies: bool = False,
    ) -> None:
        """Make the workers; `frames` are the largest that come to each stage.

        `copies`: where it can be, several workers are copies of one process instead of each importing everything.
        """
        self._plan = plan
        self._frames = frames
        self._waiter = waiter
        self._load_timeout_s = load_timeout_s
        self._copies = copies
        self._timeout_ns = int(frame_timeout_s * 1e9)
        self._layout: RingLayout | None = None
        self.quiet_until_s = 0.0  # monotonic: before, `tick` has nothing to do
        self._numbers = count()
        self._generations: dict[int, tuple[Worker, Generation]] = {}
        places = [(stage, member) for stage in plan.stages for member in stage.pool]
        self._standbys = Standbys(waiter, self._numbers, len(places))
        self.workers = [Worker(i, member, stage) for i, (stage, member) in enumerate(places)]

    @property
    def pids(self) -> list[int]:
        """Return all processes of the pool."""
        return [*(pid for worker in self.workers for pid in worker.pids), *self._standbys.pids]

    def of(self, stage: int) -> list[Worker]:
        """Return the workers of one stage."""
        return [worker for worker in self.workers if worker.stage.index == stage]

    def start(self) -> None:
        """Start every worker's process, at once or as soon as there is something to copy. Raises RunFailed."""
        if self._copies and len(self.workers) > 1:
            with contextlib.suppress(OSError):  # no room for one more: perhaps for them
                self._standbys.prepare()
        self._begin()

    def _begin(self) -> None:
        """Start those that have no process yet, unless what they are to be copies of is not ready."""
        if self._standbys.importing_until_s is not None:
            return
        for worker in self.workers:
            if worker.state != "starting" or worker.now is not None:
                continue
            try:
                worker.now = self._spawn(worker)
            except OSError as error:
                raise _no_process(worker, error) from error

    def start_spares(self) -> None:
        """Keep a second, loaded process for each worker from now on, which takes over when the first is lost.

        Not for a device that serves one process at a time: it would refuse the second.
        """
        for worker in self.workers:
            device = DeviceId.parse(worker.member.settled)
            if not registry.backend(device.backend).exclusive(device):
                worker.spare_due_s = self.quiet_until_s = time.monotonic()

    def keep_standby(self) -> None:
        """Keep a process from now on that has everything imported, to follow whichever worker is lost first."""
        keys = {DeviceId.parse(worker.member.settled).backend for worker in self.workers}
        self._standbys.keep(sorted(keys))
        self.quiet_until_s = 0.0

    def _spawn(self, worker: Worker) -> Generation:
        member, stage = worker.member, worker.stage.index
        frames = self._frames[stage]
        spec = WorkerSpec(self._plan, stage, member.settled, frames.height, frames.width, member.model)
        name = f"cluster4npu-worker-{worker.member.id}"
        generation = self._standbys.take(spec, self._load_timeout_s)
        if generation is None:
            generation = Generation.start(next(self._numbers), spec, name, self._load_timeout_s)
        self._generations[generation.number] = (worker, generation)
        self._waiter.add(f"talk:{generation.number}", generation.channel.reader)
        self._waiter.add(f"exit:{generation.number}", generation.process.sentinel)
        return generation

    def attach(self, layout: RingLayout) -> None:
        """Let every loaded worker map the ring, and each later one as soon as it is loaded."""
        self._layout = layout
        for _, generation in self._generations.values():
            if generation.state == "loaded":
                self._attach(generation, layout)

    def _attach(self, generation: Generation, layout: RingLayout) -> None:
        generation.due_s = time.monotonic() + self._load_timeout_s
        worker, _ = self._generations[generation.number]
        generation.tell([Control("batch", {"frames": worker.batch}), Control("attach", asdict(layout))])

    def set_batch(self, index: int, frames: int) -> None:
        """Let so many frames go into a worker's model at once, and into that of each process that follows it."""
        worker = self.workers[index]
        worker.batch = frames
        for generation in (worker.now, worker.spare):
            if generation is not None and generation.state == "ready":
                generation.tell([Control("batch", {"frames": frames})])

    def give(self, index: int, works: Sequence[Handed], now_ns: int | None = None) -> None:
        """Hand slots to a ready worker. When it has just died, `handle` will tell that they are lost."""
        worker = self.workers[index]
        overdue = (now_ns or time.monotonic_ns()) + self._timeout_ns
        worker.in_flight.update(dict.fromkeys([work.slot for work in works], overdue))
        if worker.now is not None:
            worker.now.hand(works)

    def renew(self, index: int, reason: str) -> None:
        """End a worker's process for this reason; another follows it as after any other death."""
        worker = self.workers[index]
        if worker.now is not None:
            self.quiet_until_s = 0.0
            worker.now.end(reason)

    def handle(self, key: str) -> list[PoolEvent]:
        """Take what one ready source of the waiter ("talk:N" or "exit:N") has to say."""
        kind, number = key[:4], int(key[5:])
        found = self._generations.get(number)
        if found is None:
            self._standbys.hear(number)
            self._standbys.forget(number)
            self._begin()
            return []  # or thrown away in this very round
        worker, generation = found
        events: list[PoolEvent] = []
        if kind == "talk":
            self._read(worker, generation, events)
        else:
            self.quiet_until_s = 0.0
            while generation.channel.has_more() and self._read(worker, generation, events):
                pass  # what it answered before it died still counts
            generation.process.join(1.0)
            self._lose(worker, generation, events)
        return events

    def _read(self, worker: Worker, generation: Generation, events: list[PoolEvent]) -> bool:
        """Take the records that are there; False at the end of the pipe."""
        try:
            records = generation.channel.receive()
        except (EOFError, OSError):
            self._waiter.remove(f"talk:{generation.number}")
            return False
        in_flight = worker.in_flight
        dones = [r for r in records if isinstance(r, Done) and in_flight.pop(r[0], None) is not None]
        for record in records if len(dones) < len(records) else ():
            if isinstance(record, Control):
                self.quiet_until_s = 0.0
                events.extend(self._control(worker, generation, record))
        if dones:
            generation.finished += len(dones) - sum([d.model_failed for d in dones if d[8]])
            events.append(Completed(worker.index, dones))
            if in_flight:  # progress: the next one's time begins now
                in_flight[next(iter(in_flight))] = time.monotonic_ns() + self._timeout_ns
        return True

    def _control(self, worker: Worker, generation: Generation, record: Control) -> Iterator[PoolEvent]:
        if record.kind == "labels":
            generation.labels.setdefault(record.data["node"], []).extend(record.data["names"])
        elif record.kind == "costs":
            worker.costs = record.data
        elif record.kind == "one by one":
            worker.batch = 1
            worker.notices.append(f"{worker.member.id}: {record.data['text']}")
        elif record.kind == "loaded":
            generation.report, generation.state = record.data, "loaded"
            generation.due_s = None  # it waits for the others now, and is not to blame for that
            worker.batch = max(worker.batch, int(record.data.get("batch", 1)))
            if generation is worker.now:
                worker.state, worker.report, worker.labels = "loaded", generation.report, generation.labels
            if self._layout is not None:
                self._attach(generation, self._layout)
        elif record.kind == "ready":
            generation.state, generation.due_s = "ready", None
            if generation is worker.now:
                yield self._ready(worker)
        elif record.kind == "refused" and generation is worker.now:
            error = error_from_record(record.data)
            worker.state, worker.failure, generation.due_s = "failed", error.problems[0].reason(), None
            yield Refused(worker.index, error)

    def _ready(self, worker: Worker) -> Ready:
        down_s = None if worker.lost_s is None else time.monotonic() - worker.lost_s
        worker.state, worker.lost_s = "ready", None
        return Ready(worker.index, down_s)

    def tick(self) -> list[PoolEvent]:
        """Start what is due to be started again, and end what hangs."""
        now, now_ns = time.monotonic(), time.monotonic_ns()
        if 0.0 < self.quiet_until_s < now - PAUSED_S:
            self.grant_time()
        if self._standbys.tired(now):
            self._begin()
        self._standbys.tick(now, busy=self.starting())
        events: list[PoolEvent] = []
        for worker in self.workers:
            if worker.due_s is not None and now >= worker.due_s:
                self._start_again(worker, events)
            elif worker.spare_due_s is not None and now >= worker.spare_due_s and worker.alive:
                worker.spare_due_s = None
                with contextlib.suppress(OSError):  # no room for one: then there is none
                    worker.spare = worker.spare or self._spawn(worker)
            elif (
                worker.now is not None and worker.in_flight and next(iter(worker.in_flight.values())) < now_ns
            ):
                worker.now.end(f"made no progress on a frame for {self._timeout_ns / 1e9:g} s")
            else:
                worker.losses.forgive(now)
        for worker, generation in list(self._generations.values()):
            if generation.due_s is None or now < generation.due_s:
                continue
            if generation.ending:
                self._lose(worker, generation, events)
            else:
                worker.state = "failed" if generation is worker.now else worker.state
                generation.end(f"did not load within {self._load_timeout_s:g} s")
        self.quiet_until_s = self._next_due_s()
        return events

    def grant_time(self) -> None:
        """Let the time of everything that is under way begin anew, but of kills.

        For when this process was stopped (Ctrl-Z, a frozen container, a machine that slept), its workers most likely
        with it: what they did meanwhile is not known yet, or they could do nothing.
        """
        overdue_ns, due_s = time.monotonic_ns() + self._timeout_ns, time.monotonic() + self._load_timeout_s
        for worker in self.workers:
            worker.in_flight = dict.fromkeys(worker.in_flight, overdue_ns)
        for _, generation in self._generations.values():
            if generation.due_s is not None and not generation.ending:
                generation.due_s = due_s

    def _start_again(self, worker: Worker, events: list[PoolEvent]) -> None:
        """Start the next process; where the system has no room for one, that counts as a death."""
        worker.state, worker.due_s = "starting", None
        try:
            worker.now = self._spawn(worker)
        except OSError as error:
            too_often = worker.losses.note()
            worker.state, worker.due_s = "restarting", time.monotonic() + worker.losses.backoff_s
            if too_often:
                worker.state, worker.due_s, worker.failure = (
                    "failed",
                    None,
                    _no_process(worker, error).problems[0].reason(),
                )
                events.append(Lost(worker.index, (), worker.failure, final=True))

    def _lose(self, worker: Worker, generation: Generation, events: list[PoolEvent]) -> None:
        """Clean up after a process, and let the worker's spare or another process follow it."""
        self._discard(generation, 0.0)
        if generation is not worker.now:
            worker.spare = None
            too_often = worker.losses.note(killed=generation.was_killed, finished=generation.finished)
            if too_often or worker.state in ("failed", "stopped"):
                return
            worker.spare_due_s = time.monotonic() + worker.losses.backoff_s
            return
        worker.now = None
        slots = tuple(worker.in_flight)
        worker.in_flight.clear()
        worker.lost_s = time.monotonic()
        if worker.state in ("failed", "stopped") or worker.losses.note(
            killed=generation.was_killed, finished=generation.finished
        ):
            worker.state = "failed"
            worker.failure = worker.failure or generation.exit_reason
            if worker.spare is not None:
                worker.spare.end("its device has failed")
        else:
            worker.restarts += 1
            self._follow(worker)
        final = worker.state == "failed"
        reason = worker.failure if final else generation.exit_reason
        events.append(Lost(worker.index, slots, reason, final, generation.was_killed))
        if worker.alive:
            events.append(self._ready(worker))

    def _follow(self, worker: Worker) -> None:
        """Let the spare take over, whatever its state, or have a process started after a pause."""
        spare, worker.spare = worker.spare, None
        if spare is None:
            worker.state, worker.due_s = "restarting", time.monotonic() + worker.losses.backoff_s
            return
        worker.now, worker.state = spare, spare.state
        worker.report, worker.labels = spare.report or worker.report, spare.labels or worker.labels
        worker.spare_due_s = time.monotonic() + SPARE_PAUSE_S

    def _discard(self, generation: Generation, timeout_s: float) -> None:
        """Forget a process and its pipe for good."""
        self._waiter.remove(f"talk:{generation.number}")
        self._waiter.remove(f"exit:{generation.number}")
        self._generations.pop(generation.number, None)
        generation.close(timeout_s)

    def _next_due_s(self) -> float:
        """Return when `tick` has something to do at the earliest, whatever the workers are given until then."""
        times = [w.due_s for w in self.workers] + [self._standbys.due_s, self._standbys.importing_until_s]
        times += [w.spare_due_s for w in self.workers if w.alive]
        times += [g.due_s for _, g in self._generations.values()]
        times += [
            next(iter(w.in_flight.values())) / 1e9
            for w in self.workers
            if w.in_flight and w.now is not None and not w.now.ending
        ]
        latest = time.monotonic() + self._timeout_ns / 1e9
        return min([latest, *(t for t in times if t is not None)])

    def usable(self, stage: int) -> bool:
        """Tell whether any worker of this stage is there or will be."""
        return any(w.state not in ("failed", "stopped") for w in self.of(stage))

    def starting(self) -> bool:
        """Tell whether any worker is on its way back."""
        return any(w.state in ("starting", "loaded", "restarting") for w in self.workers)

    def stop(self, grace_s: float = 0.4) -> None:
        """End every worker: who serves politely, then for certain; who is still loading would not listen."""
        generations = [generation for _, generation in self._generations.values()]
        self._standbys.stop()
        for generation in generations:
            if generation.state == "starting":
                generation.process.kill()
            else:
                generation.tell([Control("quit", {})])
        until = time.monotonic() + grace_s
        for generation in generations:
            generation.process.join(max(0.0, until - time.monotonic()))
        for worker in self.workers:
            worker.state = worker.state if worker.state == "failed" else "stopped"
            worker.now = worker.spare = None
        for generation in generations:
            self._discard(generation, KILL_TIMEOUT_S)


def _no_process(worker: Worker, error: OSError) -> RunFailed:
    return RunFailed(
        Problem(
            f"no process can be started for {worker.member.id}",
            field="devices",
            found=reason_of(error),
            hint="Close other programs, use fewer devices, or raise the limits on processes and open files (ulimit).",
        )
    )
