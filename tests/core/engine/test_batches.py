"""Several frames in the model at once: where it pays, in order, and with each frame answering for itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from cluster4npu.core.engine.channel import Done, Work
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.frames import Visit
from cluster4npu.core.engine.lane import Lane, natural_window
from cluster4npu.core.engine.messages import Calibrated, RunOptions
from cluster4npu.core.engine.pool import Lost
from cluster4npu.core.engine.returning import Rated
from cluster4npu.core.engine.ring import READING, Ring
from cluster4npu.core.engine.worker import LoadedStage, WorkerSpec
from cluster4npu.core.errors import InputError
from cluster4npu.core.metrics.bottleneck import loads
from cluster4npu.core.metrics.meter import Meter
from cluster4npu.core.metrics.traces import FRAME_TRACE, service_ms
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.core.pipeline.plan import make_plan
from cluster4npu.core.scheduling import policy_types
from tests.backends.models import conv, fails_on_any_light, wide


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return a model that is computed several times as fast in batches: its weights do not fit into the cache."""
    return str(wide(tmp_path_factory.mktemp("models") / "wide.onnx", outputs=4096))


def run_with_results(config, options):
    with Engine(config, options) as run:
        results = list(run.results())
        return results, run.wait()


def groups(summary):
    """Return how many frames were begun together, each time."""
    _, counts = np.unique(summary.traces["started_ns"], return_counts=True)
    return counts


def test_a_fixed_batch_gives_the_same_records_in_order(make_pipeline, model):
    options = RunOptions(frames=60, results=True, traces=True, calibration="never")
    single, alone = run_with_results(make_pipeline("onnx:cpu?threads=1&batch=1", model=model), options)
    several, together = run_with_results(make_pipeline("onnx:cpu?threads=1&batch=4", model=model), options)
    assert groups(alone).max() == 1 and 2 <= groups(together).max() <= 4
    assert [r.frame_id for r in several] == [r.frame_id for r in single] == list(range(60))
    assert (together.frames_in, together.frames_out, together.frames_failed) == (60, 60, 0)
    assert sum(device.frames for device in together.devices) == 60
    for one, other in zip(single, several, strict=True):
        assert one.values.keys() == other.values.keys() and one.values
        for key in one.values:
            assert np.allclose(one.values[key].arrays[0], other.values[key].arrays[0], rtol=1e-3, atol=1e-3)
    assert all(device.busy <= 1.05 for device in together.devices)


def test_calibration_finds_a_batch_that_pays_and_keeps_it_within_what_the_user_allows(make_pipeline, model):
    pipeline = make_pipeline("onnx:cpu?threads=1", model=model)
    hasty = pipeline.replace(targets=Targets(latency_p95_ms=0.01))

    def calibrated(config, calibration="auto"):
        with Engine(config, RunOptions(frames=40, calibration=calibration)) as run:
            (told,) = [event for event in run.events() if isinstance(event, Calibrated)]
            assert run.wait().frames_out == 40
        return told

    for _ in range(3):  # another program may have had the machine just when the batch was measured
        measured = calibrated(pipeline, "always")
        if measured.devices[0].batch > 1:
            break
    kept = calibrated(pipeline)
    assert kept.cached and kept.devices == measured.devices and kept.devices[0].batch > 1
    within = calibrated(hasty)
    assert not within.cached and within.devices[0].batch == 1


def test_a_batch_is_refused_where_the_model_takes_one_input(make_pipeline, tmp_path):
    pipeline = make_pipeline("onnx:cpu?threads=1&batch=4", model=str(conv(tmp_path / "one.onnx")))
    with (
        Engine(pipeline, RunOptions(frames=5)) as run,
        pytest.raises(InputError, match="one input at a time"),
    ):
        run.wait(60)


def test_a_frame_that_fails_in_a_batch_fails_alone(make_pipeline, tmp_path):
    device = "onnx:cpu?threads=1&batch=4"
    plan = make_plan(
        make_pipeline(device, model=str(fails_on_any_light(tmp_path / "m.onnx")), width=16, height=16)
    )
    stage = LoadedStage.load(WorkerSpec(plan, 0, device, 16, 16))
    ring = Ring.create(4, 16 * 16 * 3, (16384,))
    try:
        for slot in range(4):
            ring.frame(slot)[:] = 255 if slot == 2 else 10
            ring.set_filled(slot, 16, 16)
        done = stage.work_together(ring, [Work(slot, 7, 10 + slot) for slot in range(4)])
    finally:
        ring.unlink()
    assert [(d.slot, d.generation, d.frame_id) for d in done] == [(s, 7, 10 + s) for s in range(4)]
    assert [bool(d.error) for d in done] == [False, False, True, False]


class FakePool:
    """One worker that takes batches of four, in no process."""

    def __init__(self) -> None:
        member = SimpleNamespace(id="a", settled="a")
        worker = SimpleNamespace(member=member, alive=True, in_flight={}, batch=4, failure="")
        self.workers = [worker]
        self.given: list[list[int]] = []

    def give(self, index, visits, now_ns):
        self.given.append([visit.frame_id for visit in visits])
        self.workers[0].in_flight.update({visit.slot: now_ns for visit in visits})

    def usable(self, stage):
        return True


@pytest.fixture
def ring():
    ring = Ring.create(64, 64, (64,))
    yield ring
    ring.unlink()


def lane_of(ring, rates):
    stage = SimpleNamespace(index=0, node_id="inference")
    policy = policy_types()["adaptive"](rates, 0)
    return Lane(FakePool(), ring, stage, [0], policy, Rated(rates), None, Meter(1, traces=False))


@pytest.fixture
def lane(ring):
    return lane_of(ring, {})


def done(slot, started_ns, finished_ns):
    return Done(slot, 1, slot, started_ns, finished_ns - 1, finished_ns, 0)


def test_after_a_death_each_frame_of_the_batch_is_computed_alone(lane):
    pool = lane._pool
    lane.put([Visit(slot, slot, 1, 0) for slot in range(6)])
    lane.work()
    assert pool.given == [[0, 1, 2, 3, 4, 5]]  # a batch, and the next at hand
    for slot in range(4):
        lane._ring.mark(slot, 0, READING)  # they were in the model when it died
    pool.workers[0].in_flight.clear()
    assert lane.lose(Lost(0, tuple(range(6)), "died", final=False)) == []
    pool.given.clear()
    for slot in range(4):
        lane.work()
        lane.work()  # nothing goes beside it
        pool.workers[0].in_flight.clear()
        assert [visit.frame_id for visit in lane.finish(0, [done(slot, 10, 20)])] == [slot]
    lane.work()
    assert pool.given == [[0], [1], [2], [3], [4, 5]]


def test_an_answer_to_an_earlier_use_of_a_slot_is_refused(lane):
    lane.put([Visit(0, 5, 2, 0)])  # frame 5, in the slot's second use
    lane.work()
    late = Done(0, 1, 4, 10, 20, 30, 99)  # what a worker that was replaced has made of frame 4
    assert lane.finish(0, [late]) == [] and lane.ended == 0
    (visit,) = lane.finish(0, [Done(0, 2, 5, 10, 20, 30, 7)])
    assert (visit.frame_id, visit.result_bytes, lane.ended) == (5, 7, 1)


def test_the_time_of_a_batch_is_shared_by_its_frames(lane):
    lane.put([Visit(slot, slot, 1, 0) for slot in range(4)])
    lane.work()
    lane._pool.workers[0].in_flight.clear()
    lane.finish(0, [done(slot, 1000, 5000 + slot) for slot in range(4)])
    assert lane._meter.devices[0].busy_ns == 4003
    assert lane._service_ns[0] == pytest.approx(1000, rel=0.01)


@pytest.mark.parametrize(("at_once", "drifts"), [(60, True), (4, False)])
def test_drift_is_looked_for_where_batches_are_full(ring, at_once, drifts):
    lane = lane_of(ring, {"a": 1000.0})  # 4 ms for a batch of four, which now takes 8
    worker = lane._pool.workers[0]
    worker.now = SimpleNamespace(finished=0)
    told = []
    for number in range(15):
        if number * 4 % at_once == 0:
            lane.put([Visit(slot, slot, 1, 0) for slot in range(number * 4, number * 4 + at_once)])
        lane.work()
        told += lane.settle()
        slots, at_ns = list(worker.in_flight)[:4], number * 8_000_000
        for slot in slots:
            del worker.in_flight[slot]
        lane.finish(0, [done(slot, at_ns, at_ns + 8_000_000) for slot in slots])
        worker.now.finished += 4
    assert len(told) == drifts and all("needs 2.0 ms for a frame" in words for words in told)


def test_the_load_of_a_device_counts_the_time_of_a_batch_once():
    rows = np.zeros(4, FRAME_TRACE)
    rows["started_ns"], rows["finished_ns"] = 100, [500, 400, 502, 501]
    (load,) = loads(rows, ["a"], 0, 1000)
    assert load.busy == pytest.approx(0.402) and load.frames == 4


def test_a_frame_counts_its_share_of_the_time_of_its_batch():
    stamps = [(0, 100, 480), (0, 100, 500), (1, 100, 150), (0, 500, 700), (0, 500, 900)]
    rows = np.zeros(5, FRAME_TRACE)
    rows["worker"], rows["started_ns"], rows["finished_ns"] = np.array(stamps).T * [[1], [10**6], [10**6]]
    assert service_ms(rows).tolist() == [200, 200, 50, 200, 200]
    meter = Meter(2, traces=False)
    meter._count_devices(rows[:4])  # the second batch is cut in two by a look at the figures
    meter._count_devices(rows[4:])
    assert (meter.service(0).mean, meter.service(0).n, meter.service(1).mean) == (200, 4, 50)


def test_batches_widen_the_window():
    assert natural_window({"a": 100.0}, 64, {"a": 8}) > natural_window({"a": 100.0}, 64)
