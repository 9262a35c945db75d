"""The pool of worker processes: starting, loading, handing out work, noticing deaths and starting again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from typing import Any

from cluster4npu.core.engine.channel import Channel, Control, Done, Record, Waiter, Work
from cluster4npu.core.engine.ring import RingLayout
from cluster4npu.core.engine.worker import WorkerSpec, error_from_record, worker_main
from cluster4npu.core.errors import Cluster4NPUError
from cluster4npu.core.nodes.base import FrameSpec
from cluster4npu.core.pipeline.plan import ExecutionPlan, PoolMember, StagePlan

LOAD_TIMEOUT_S = 180.0
MOST_RESTARTS = (
    5  # within RESTART_WINDOW_S and without progress between them: then the device counts as failed
)
PROGRESS_FRAMES = 10  # finished since its start: a worker that did so much was not in a crash loop
RESTART_WINDOW_S = 60.0
FIRST_BACKOFF_S = 0.05


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker is loaded and has mapped the ring."""

    worker: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The worker cannot load: the model or the device is wrong."""

    worker: int
    error: Cluster4NPUError


@dataclass(frozen=True, slots=True)
class Completed:
    """The worker is done with these slots."""

    worker: int
    dones: list[Done]


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker died or was ended; `slots` had been given to it (in this order) and are the manager's again."""

    worker: int
    slots: tuple[int, ...]
    reason: str
    final: bool


PoolEvent = Ready | Refused | Completed | Lost


@dataclass(slots=True)
class Worker:
    """One member of a stage's pool and the process that serves it now.

    `state`: starting, loaded, ready, restarting, failed, stopped.
    """

    index: int
    member: PoolMember
    stage: StagePlan
    state: str = "starting"
    process: SpawnProcess | None = None
    channel: Channel | None = None
    in_flight: dict[int, int] = field(
        default_factory=dict
    )  # slot -> when it is overdue (monotonic ns), oldest first
    report: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    finished: int = 0  # frames, since this process was started
    deaths: deque[float] = field(default_factory=deque)
    restarts: int = 0
    due_s: float | None = None  # when it is to be started again, or must be loaded
    failure: str = ""

    @property
    def alive(self) -> bool:
        return self.state == "ready"


class WorkerPool:
    """All workers of all stages. Every method returns at once; `handle` and `tick` tell what has happened."""

    def __init__(
        self, plan: ExecutionPlan, frames: Sequence[FrameSpec], waiter: Waiter, *, frame_timeout_s: float
    ) -> None:
        """Make the workers; `frames` are the largest that come to each stage."""
        self._plan = plan
        self._frames = frames
        self._waiter = waiter
        self._timeout_ns = int(frame_timeout_s * 1e9)
        self._layout: RingLayout | None = None
        places = [(stage, member) for stage in plan.stages for member in stage.pool]
        self.workers = [Worker(i, member, stage) for i, (stage, member) in enumerate(places)]

    def of(self, stage: int) -> list[Worker]:
        """Return the workers of one stage."""
        return [worker for worker in self.workers if worker.stage.index == stage]

    def start(self) -> None:
        """Start every worker's process."""
        for worker in self.workers:
            self._spawn(worker)

    def _spawn(self, worker: Worker) -> None:
        context = get_context("spawn")
        ours, theirs = context.Pipe(duplex=True)
        member, stage = worker.member, worker.stage.index
        frames = self._frames[stage]
        spec = WorkerSpec(self._plan, stage, member.settled, frames.height, frames.width, member.model)
        process = context.Process(
            target=worker_main,
            args=(spec, theirs),
            name=f"cluster4npu-worker-{worker.member.id}",
            daemon=True,
        )
        process.start()
        theirs.close()
        worker.process, worker.channel = process, Channel(ours)
        worker.state, worker.due_s = "starting", time.monotonic() + LOAD_TIMEOUT_S
        worker.labels.clear()
        worker.finished = 0
        self._waiter.add(f"talk:{worker.index}", ours)
        self._waiter.add(f"exit:{worker.index}", process.sentinel)

    def attach(self, layout: RingLayout) -> None:
        """Let every loaded worker map the ring, and each later one as soon as it is loaded."""
        self._layout = layout
        for worker in self.workers:
            if worker.state == "loaded":
                self._tell(worker, [Control("attach", asdict(layout))])

    def give(self, index: int, works: Sequence[Work]) -> None:
        """Hand slots to a ready worker. When it has just died, `handle` will tell that they are lost."""
        worker = self.workers[index]
        overdue = time.monotonic_ns() + self._timeout_ns
        for work in works:
            worker.in_flight[work.slot] = overdue
        self._tell(worker, works)

    def _tell(self, worker: Worker, records: Sequence[Record]) -> None:
        try:
            if worker.channel is not None:
                worker.channel.send(records)
        except OSError:
            pass  # its sentinel tells the death in a moment

    def handle(self, key: str) -> list[PoolEvent]:
        """Take what one ready source of the waiter ("talk:N" or "exit:N") has to say."""
        kind, _, number = key.partition(":")
        worker = self.workers[int(number)]
        events: list[PoolEvent] = []
        if kind == "talk":
            self._read(worker, events)
        elif worker.process is not None:
            while self._read(worker, events):
                pass  # what it answered before it died still counts
            worker.process.join(1.0)
            events.append(self._lost(worker, _exit_reason(worker.process.exitcode)))
        return events

    def _read(self, worker: Worker, events: list[PoolEvent]) -> bool:
        """Take the records that are there; False at the end of the pipe."""
        if worker.channel is None:
            return False
        try:
            records = worker.channel.receive()
        except (EOFError, OSError):
            self._waiter.remove(f"talk:{worker.index}")
            return False
        dones = []
        for record in records:
            if isinstance(record, Done):
                if worker.in_flight.pop(record.slot, None) is not None:
                    dones.append(record)
            elif isinstance(record, Control):
                events.extend(self._control(worker, record))
        if dones:
            worker.finished += len(dones)
            events.append(Completed(worker.index, dones))
            if worker.in_flight:  # progress: the next one's time begins now
                worker.in_flight[next(iter(worker.in_flight))] = time.monotonic_ns() + self._timeout_ns
        return True

    def _control(self, worker: Worker, record: Control) -> Iterator[PoolEvent]:
        if record.kind == "labels":
            worker.labels.setdefault(record.data["node"], []).extend(record.data["names"])
        elif record.kind == "loaded":
            worker.report, worker.state = record.data, "loaded"
            if self._layout is not None:
                self._tell(worker, [Control("attach", asdict(self._layout))])
        elif record.kind == "ready":
            worker.state, worker.due_s = "ready", None
            yield Ready(worker.index)
        elif record.kind == "refused":
            error = error_from_record(record.data)
            worker.state, worker.failure, worker.due_s = "failed", str(error), None
            yield Refused(worker.index, error)

    def tick(self) -> list[PoolEvent]:
        """Start what is due to be started again, and end what hangs."""
        now, now_ns = time.monotonic(), time.monotonic_ns()
        events: list[PoolEvent] = []
        for worker in self.workers:
            if worker.due_s is not None and now >= worker.due_s:
                if worker.state == "restarting":
                    self._spawn(worker)
                else:
                    worker.state = "failed"
                    events.append(self._lost(worker, f"did not load within {LOAD_TIMEOUT_S:.0f} s"))
            elif worker.in_flight and next(iter(worker.in_flight.values())) < now_ns:
                seconds = self._timeout_ns / 1e9
                events.append(self._lost(worker, f"made no progress on a frame for {seconds:.0f} s"))
            else:
                self._forgive(worker, now)
        return events

    @staticmethod
    def _forgive(worker: Worker, now: float) -> None:
        while worker.deaths and now - worker.deaths[0] > RESTART_WINDOW_S:
            worker.deaths.popleft()

    def _lost(self, worker: Worker, reason: str) -> Lost:
        """Clean up after a worker and decide whether it gets another process."""
        loading = worker.state in ("starting", "loaded")
        self._discard(worker)
        slots = tuple(worker.in_flight)
        worker.in_flight.clear()
        if worker.state not in ("failed", "stopped"):
            if worker.finished >= PROGRESS_FRAMES:
                worker.deaths.clear()
            worker.deaths.append(time.monotonic())
            first_load = loading and worker.restarts == 0
            if first_load or len(worker.deaths) > MOST_RESTARTS:
                worker.state, worker.failure, worker.due_s = "failed", reason, None
            else:
                worker.state = "restarting"
                worker.restarts += 1
                worker.due_s = time.monotonic() + FIRST_BACKOFF_S * 2 ** (len(worker.deaths) - 1)
        worker.failure = worker.failure or reason if worker.state == "failed" else ""
        return Lost(worker.index, slots, reason, final=worker.state != "restarting")

    def _discard(self, worker: Worker) -> None:
        """End a worker's process for certain and throw its pipe away: nothing of it may write from here on."""
        self._waiter.remove(f"talk:{worker.index}")
        self._waiter.remove(f"exit:{worker.index}")
        if worker.channel is not None:
            worker.channel.close()
        if worker.process is not None:
            if worker.process.is_alive():
                worker.process.kill()
            worker.process.join(5.0)
        worker.process = worker.channel = None

    def next_due_s(self) -> float | None:
        """Return when `tick` has something to do (monotonic seconds), or None."""
        times = [w.due_s for w in self.workers if w.due_s is not None]
        times += [next(iter(w.in_flight.values())) / 1e9 for w in self.workers if w.in_flight]
        return min(times, default=None)

    def usable(self, stage: int) -> bool:
        """Tell whether any worker of this stage is there or will be."""
        return any(w.state not in ("failed", "stopped") for w in self.of(stage))

    def stop(self, grace_s: float = 0.4) -> None:
        """End every worker: politely, then for certain."""
        for worker in self.workers:
            self._tell(worker, [Control("quit", {})])
        until = time.monotonic() + grace_s
        for worker in self.workers:
            if worker.process is not None:
                worker.process.join(max(0.0, until - time.monotonic()))
        for worker in self.workers:
            worker.state = worker.state if worker.state == "failed" else "stopped"
            self._discard(worker)


def _exit_reason(code: int | None) -> str:
    if code is None:
        return "its process is gone"
    return f"its process was ended by signal {-code}" if code < 0 else f"its process ended with code {code}"
