"""Who owns a slot in each of its states, and what becomes of its frame when that owner dies just then.

    free -> writing (feeder) -> ready (lane, or sent ahead to a worker) -> reading (worker) -> done -> free

Real worker processes die at a chosen point; the pool tells of it, and the lane says what follows.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from cluster4npu.core.engine import generation, lane
from cluster4npu.core.engine.channel import Channel, Control, Done, Waiter, Work, pack
from cluster4npu.core.engine.feeder import FeedPlan, InlineFeeder
from cluster4npu.core.engine.frames import NOBODY, Visit
from cluster4npu.core.engine.lane import MOST_DEATHS, Lane
from cluster4npu.core.engine.launch import PipeEnds
from cluster4npu.core.engine.pool import Completed, Lost, Ready, WorkerPool
from cluster4npu.core.engine.returning import Rated
from cluster4npu.core.engine.ring import DONE, FREE, READING, Ring, RingLayout
from cluster4npu.core.engine.worker import WorkerSpec
from cluster4npu.core.errors import RunFailed
from cluster4npu.core.metrics.meter import Meter
from cluster4npu.core.nodes.base import FrameSpec
from cluster4npu.core.pipeline.plan import make_plan
from cluster4npu.core.scheduling import policy_types


def begin(ends: PipeEnds) -> tuple[Channel, Ring, Work]:
    """Be a worker up to its first frame, which it has not taken up yet."""
    channel, ring, work = Channel(ends), None, None
    channel.send([Control("loaded", {"result_bytes": 64, "unit": "test", "sha256": ""})])
    while work is None:
        for record in channel.receive():
            if isinstance(record, Work):
                work = record
            elif record.kind == "attach":
                ring = Ring.attach(RingLayout(**record.data))
                channel.send([Control("ready", {})])
    return channel, ring, work


def die() -> None:
    os._exit(3)


def dies_ready(spec: WorkerSpec, ends: PipeEnds) -> None:
    begin(ends)
    die()


def dies_reading(spec: WorkerSpec, ends: PipeEnds) -> None:
    _, ring, work = begin(ends)
    ring.mark(work.slot, 0, READING)
    die()


def dies_done(spec: WorkerSpec, ends: PipeEnds) -> None:
    _, ring, work = begin(ends)
    ring.mark(work.slot, 0, DONE)
    die()


def dies_answering(spec: WorkerSpec, ends: PipeEnds) -> None:
    _, ring, work = begin(ends)
    ring.mark(work.slot, 0, DONE)
    data = pack(Done(work.slot, work.generation, work.frame_id, 1, 2, 3, 0))
    os.write(ends[1].fileno(), data[: len(data) // 2])
    die()


def dies_free(spec: WorkerSpec, ends: PipeEnds) -> None:
    channel, ring, work = begin(ends)
    ring.mark(work.slot, 0, DONE)
    channel.send([Done(work.slot, work.generation, work.frame_id, 1, 2, 3, 0)])
    die()


class Stage:
    """A lane over one real worker process, driven by hand."""

    def __init__(self, config) -> None:
        self.plan = make_plan(config)
        self.ring = Ring.create(4, 64 * 48 * 3, (64,))
        self.waiter = Waiter()
        self.pool = WorkerPool(self.plan, [FrameSpec(48, 64)], self.waiter, frame_timeout_s=30)
        self.pool.start()
        self.pool.attach(self.ring.layout)
        (worker,) = self.pool.workers
        rates = {worker.member.settled: 100.0}
        policy = policy_types()["pull"](rates, 0)
        stage = self.plan.stages[0]
        self.lane = Lane(self.pool, self.ring, stage, [0], policy, Rated(rates), 2, Meter(1, traces=False))

    def until(self, kind: type) -> object:
        """Let time pass until the pool tells this."""
        while True:
            keys = self.waiter.wait(max(0.0, min(0.2, self.pool.quiet_until_s - time.monotonic())))
            for event in [*(e for key in keys for e in self.pool.handle(key)), *self.pool.tick()]:
                if isinstance(event, Ready):
                    self.lane.set_alive()
                if isinstance(event, kind):
                    return event

    def close(self) -> None:
        self.pool.stop()
        self.ring.unlink()


@pytest.fixture
def stage_of(make_pipeline, monkeypatch):
    """Return a maker of a stage whose worker dies at a point."""
    made = []

    def make(worker) -> Stage:
        monkeypatch.setattr(generation, "worker_main", worker)
        made.append(Stage(make_pipeline("sim:a?ms=1")))
        made[-1].until(Ready)
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.mark.parametrize(
    ("worker", "deaths"), [(dies_ready, 0), (dies_reading, 1), (dies_done, 0), (dies_answering, 0)]
)
def test_a_frame_whose_worker_dies_waits_again_and_is_blamed_only_while_it_is_read(stage_of, worker, deaths):
    stage = stage_of(worker)
    visit = Visit(slot=2, frame_id=7, generation=1, stage=0)
    stage.lane.put([visit])
    stage.lane.work()
    lost = stage.until(Lost)
    assert lost.slots == (2,) and not lost.final
    assert stage.lane.lose(lost) == []
    assert (visit.deaths, visit.worker, visit.error) == (deaths, NOBODY, "")
    assert not stage.ring.is_begun(2, 0) and stage.ring.marks[0][2] == FREE


def test_a_frame_that_is_read_when_its_workers_die_is_set_aside(stage_of):
    stage = stage_of(dies_reading)
    visit = Visit(slot=1, frame_id=7, generation=1, stage=0)
    stage.lane.put([visit])
    for death in range(1, MOST_DEATHS + 1):
        stage.lane.work()
        ended = stage.lane.lose(stage.until(Lost))
        assert visit.deaths == death and ended == ([visit] if death == MOST_DEATHS else [])
        if death < MOST_DEATHS:
            stage.until(Ready)
    assert "2 workers" in visit.error


def killed_reading(spec: WorkerSpec, ends: PipeEnds) -> None:
    _, ring, work = begin(ends)
    ring.mark(work.slot, 0, READING)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="it cannot be told there who ended a process")
def test_a_frame_whose_workers_somebody_else_kills_is_not_blamed_so_soon(stage_of, monkeypatch):
    monkeypatch.setattr(lane, "MOST_KILLS", MOST_DEATHS + 1)
    stage = stage_of(killed_reading)
    visit = Visit(slot=1, frame_id=7, generation=1, stage=0)
    stage.lane.put([visit])
    for kills in range(1, lane.MOST_KILLS + 1):
        stage.lane.work()
        ended = stage.lane.lose(stage.until(Lost))
        assert visit.kills == kills and ended == ([visit] if kills == lane.MOST_KILLS else [])
        if kills < lane.MOST_KILLS:
            stage.until(Ready)
    assert "3 workers" in visit.error


def test_a_worker_that_dies_without_a_frame_costs_none(stage_of):
    stage = stage_of(dies_free)
    visit = Visit(slot=3, frame_id=7, generation=1, stage=0)
    stage.lane.put([visit])
    stage.lane.work()
    completed = stage.until(Completed)
    assert stage.lane.finish(0, completed.dones) == [visit] and not visit.error
    lost = stage.until(Lost)
    assert lost.slots == () and stage.lane.lose(lost) == []


def test_a_source_that_fails_while_it_writes_leaves_no_frame_in_the_slot():
    class Breaking:
        """Writes one frame, and half of another."""

        spec = FrameSpec(4, 4)
        reads = 0

        def read_into(self, slot: np.ndarray):
            self.reads += 1
            if self.reads == 1:
                slot[:48] = 1
                return SimpleNamespace(height=4, width=4)
            slot[:24] = 2
            raise RunFailed("the cable was pulled")

    ring = Ring.create(2, 48, (64,))
    try:
        feeder = InlineFeeder(SimpleNamespace(id="source", live=False), Breaking(), ring, FeedPlan(frames=5))
        feeder.offer([0, 1])
        (whole,) = feeder.take()
        assert whole.slot == 1 and feeder.ended and isinstance(feeder.error, RunFailed)
        assert feeder.take() == [] and feeder.take_back() == [0]
    finally:
        ring.unlink()
