"""A device that was lost while it was measured and comes back: it gets frames in that run, as many as it can do."""

from __future__ import annotations

import time
from types import SimpleNamespace

import psutil
import pytest

from cluster4npu.core.engine.channel import Done
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.frames import Visit
from cluster4npu.core.engine.lane import Lane
from cluster4npu.core.engine.messages import (
    DeviceCalibration,
    ResultsReady,
    RunOptions,
    Segment,
    Started,
    StateChanged,
    WorkerBack,
    WorkerFailed,
)
from cluster4npu.core.engine.returning import Rated, better_of, first_rates
from cluster4npu.core.engine.ring import Ring
from cluster4npu.core.metrics.meter import Meter
from cluster4npu.core.scheduling import policy_types

ENOUGH = 25  # frames of the device that has come back


def measured(alone, together, name="b"):
    return DeviceCalibration(name, alone, together, 0.0)


def test_a_worker_that_comes_back_after_calibration_gets_frames(make_pipeline):
    victim, told, frames, back = 0, [], 0, False
    give_up_s = time.monotonic() + 60
    lost = "sim:b?load_ms=900&ms=8"  # it is back after both have been measured together
    with Engine(make_pipeline("sim:a?ms=4", lost), RunOptions(results=True)) as run:
        for event in run.events():
            if isinstance(event, Started):
                victim = event.processes[2]
            elif isinstance(event, StateChanged) and event.detail.endswith("together") and not told:
                psutil.Process(victim).kill()
            elif isinstance(event, WorkerFailed):
                told.append(event.reason)
            elif isinstance(event, WorkerBack):
                back = True
            elif isinstance(event, ResultsReady) and back:
                frames += sum(result.device == lost for result in event.results)
                if frames >= ENOUGH:
                    run.stop(now=False)
            assert time.monotonic() < give_up_s, told
        summary = run.wait(60)
    assert told and "while it was measured" in told[0]
    assert frames >= ENOUGH and summary.frames_in == summary.frames_out
    assert summary.out_of_order == 0
    assert not any("was left out" in text for text in summary.warnings), summary.warnings


def test_a_worker_that_is_lost_while_the_engine_is_held_is_started_again(make_pipeline):
    devices = ("sim:a?ms=4", "sim:b?ms=4")
    with Engine(make_pipeline(*devices), RunOptions(hold=True)) as run:
        run.measure(Segment(devices=devices, frames=20))
        psutil.Process(run.started.processes[2]).kill()
        assert any(isinstance(event, WorkerBack) for event in run.events())
        summary = run.measure(Segment(devices=devices, frames=60)).summary
    assert all(device.frames > 5 for device in summary.devices)


# ---- the first share


def test_what_it_made_alone_is_a_first_rate_as_much_slower_as_the_others_turned_out():
    others = measured(100, 50, "a"), measured(100, 80, "c")
    assert first_rates([*others, measured(30, 0)]) == {"b": pytest.approx(15)}


def test_what_an_earlier_run_measured_of_it_is_taken_as_slow_as_today():
    earlier = [measured(0, 200, "a"), measured(0, 40)]
    assert first_rates([measured(0, 100, "a"), measured(0, 0)], earlier) == {"b": pytest.approx(20)}
    faster_today = [measured(0, 400, "a"), measured(0, 0)]
    assert first_rates(faster_today, earlier) == {"b": pytest.approx(40)}


def test_of_a_device_of_which_nothing_is_known_as_much_as_of_the_slowest():
    assert first_rates([measured(0, 90, "a"), measured(0, 30, "c"), measured(0, 0)]) == {"b": 30}
    assert first_rates([measured(0, 0, "a"), measured(0, 0)]) == {"a": 1, "b": 1}
    assert first_rates([measured(50, 50, "a"), measured(30, 30)]) == {}


def test_of_two_measurements_the_one_with_all_devices_counts_and_nothing_known_is_lost():
    lost = (measured(90, 80, "a"), measured(30, 0))
    whole = (measured(60, 50, "a"), measured(20, 20))
    assert better_of(lost, whole) == better_of(whole, lost) == whole
    twice = (measured(95, 90, "a"), measured(0, 0))
    assert better_of(lost, twice) == (measured(95, 90, "a"), measured(30, 0))


# ---- what its frames show


class FakePool:
    """Two workers in no process, of which the second has just come back."""

    def __init__(self) -> None:
        self.workers = [
            SimpleNamespace(
                member=SimpleNamespace(id=name, settled=name),
                alive=True,
                in_flight={},
                batch=1,
                failure="",
                now=SimpleNamespace(finished=0),
            )
            for name in "ab"
        ]

    def give(self, index, visits, now_ns):
        self.workers[index].in_flight.update({visit.slot: now_ns for visit in visits})

    def usable(self, stage):
        return True


@pytest.fixture
def ring():
    ring = Ring.create(64, 64, (64,))
    yield ring
    ring.unlink()


def lane_of(ring, policy, rates):
    pool = FakePool()
    stage = SimpleNamespace(index=0, node_id="inference")
    rated = Rated(rates, frozenset("b"))
    return Lane(pool, ring, stage, [0, 1], policy_types()[policy](rates, 0), rated, 2, Meter(2, traces=False))


def work_off(lane, frames, needed_ns):
    """Let the workers compute so many frames, each in its time; return what each got."""
    counts, finished = [0, 0], [0, 0]
    lane.put([Visit(slot % 64, slot, 1, 0) for slot in range(frames)])
    while sum(counts) < frames:
        lane.work()
        for index, worker in enumerate(lane._pool.workers):
            for slot in list(worker.in_flight):
                worker.in_flight.pop(slot)
                began, finished[index] = finished[index], finished[index] + needed_ns[index]
                lane.finish(index, [Done(slot, 1, slot, began, finished[index], finished[index], 0)])
                worker.now.finished += 1
                counts[index] += 1
    return counts


@pytest.mark.parametrize("policy", ["smooth", "shuffled"])
def test_shares_follow_the_frames_of_a_device_whose_rate_was_a_guess(ring, policy):
    lane = lane_of(ring, policy, {"a": 100.0, "b": 100.0})
    assert work_off(lane, 60, [10_000_000, 40_000_000]) == [30, 30]
    assert lane.settle() == []
    assert work_off(lane, 50, [10_000_000, 40_000_000]) == [40, 10]
    assert lane.settle() == []  # it is no guess any more


def test_a_device_that_would_hold_the_others_up_is_left_out_when_its_frames_show_it(ring):
    lane = lane_of(ring, "smooth", {"a": 100.0, "b": 100.0})
    work_off(lane, 40, [10_000_000, 3_000_000_000])
    (words,) = lane.settle()
    assert words.startswith("b was left out: it needs 3000 ms for a frame")
    assert work_off(lane, 20, [10_000_000, 3_000_000_000]) == [20, 0]
