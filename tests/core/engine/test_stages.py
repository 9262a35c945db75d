"""Several stages and several sources: order, exact accounting, fan-out, deaths in a later stage, fair service."""

from __future__ import annotations

import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper

from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import Calibrated, MetricsUpdated, RunOptions, Started
from tests.core.engine.stages import branches, cameras, row, synthetic

QUICK = RunOptions(frames=60, calibration="never", results=True, traces=True)


def run(pipeline, options=QUICK):
    """Run to the end; return the results and the summary."""
    with Engine(pipeline, options) as engine:
        return list(engine.results()), engine.wait()


def check_accounts(summary):
    """Assert that every frame is accounted for, in the whole, in each stage and of each source."""
    for part in (summary, *summary.stages, *summary.sources):
        assert part.frames_in == part.frames_out + part.frames_dropped + part.frames_failed
    for stage in summary.stages:
        assert sum(d.frames for d in summary.devices if d.stage == stage.id) == summary.frames_out
    assert sum(source.frames_out for source in summary.sources) == summary.frames_out
    assert summary.out_of_order == 0


def test_stages_in_a_row_keep_order_and_accounts():
    pipeline = row(("sim:a?ms=2&jitter=1", "sim:b?ms=5"), ("sim:c?ms=1&jitter=1", "sim:d?ms=4"))
    results, summary = run(pipeline)
    assert [r.frame_id for r in results] == list(range(60))
    assert [stage.frames_in for stage in summary.stages] == [60, 60]
    assert summary.stages[0].runs == 60 and summary.stages[1].runs == 0  # simulated: no box, so no crop
    assert (summary.traces["status"] == 0).sum() == 60 == (summary.traces["status"] == 3).sum()
    check_accounts(summary)


def test_branches_work_on_a_frame_at_the_same_time():
    slow = ("sim:a?ms=30",), ("sim:b?ms=30",)
    options = RunOptions(frames=20, calibration="never", results=True, traces=True, window=1)
    results, summary = run(branches(*slow), options)
    assert [r.frame_id for r in results] == list(range(20))
    left, right = (summary.traces[summary.traces["worker"] == worker] for worker in range(2))
    left, right = (np.sort(rows, order="frame_id") for rows in (left, right))
    together = (left["started_ns"] < right["finished_ns"]) & (right["started_ns"] < left["finished_ns"])
    assert len(together) == 20 and together.mean() > 0.5
    assert all(r.values["merge.detections"].rows.shape == (0, 6) for r in results)
    check_accounts(summary)


def test_every_stage_is_calibrated_and_kept():
    pipeline = branches(("sim:a?ms=12", "sim:b?ms=24"), ("sim:c?ms=15", "sim:d?ms=30"))
    options = RunOptions(frames=30)
    with Engine(pipeline, options) as engine:
        told = [e for e in engine.events() if isinstance(e, Calibrated)]
        summary = engine.wait()
    assert [e.stage for e in told] == ["left", "right"]
    weights = {d.id: d.weight for d in summary.devices}
    assert weights["sim:a?ms=12"] == pytest.approx(2 / 3, abs=0.15)
    assert weights["sim:c?ms=15"] == pytest.approx(2 / 3, abs=0.15)
    assert sum(weights.values()) == pytest.approx(2)
    with Engine(pipeline, options) as engine:
        assert all(e.cached for e in engine.events() if isinstance(e, Calibrated))


def test_a_worker_killed_in_the_second_stage_costs_no_frame():
    pipeline = row(("sim:a?ms=2",), ("sim:c?ms=5", "sim:d?ms=5"))
    options = RunOptions(frames=300, calibration="never", results=True)
    ids, victim = [], 0
    with Engine(pipeline, options) as engine:
        for event in engine.events():
            if isinstance(event, Started):
                victim = event.processes[2]
                assert event.stages == {"detect": ("sim:a?ms=2",), "classify": ("sim:c?ms=5", "sim:d?ms=5")}
            if isinstance(event, MetricsUpdated) and victim and event.snapshot.frames_out > 20:
                psutil.Process(victim).kill()
                victim = 0
            ids += [r.frame_id for r in getattr(event, "results", ())]
        summary = engine.wait()
    assert ids == list(range(300)) and summary.restarts == 1
    check_accounts(summary)


def test_a_frame_that_fails_in_one_branch_fails_once_and_frees_its_slot():
    pipeline = branches(("sim:a?ms=1&fail_at=5",), ("sim:b?ms=3",))
    options = RunOptions(frames=100, calibration="never", results=True, ring_slots=6)
    results, summary = run(pipeline, options)
    assert [r.frame_id for r in results] == list(range(100))
    assert [r.frame_id for r in results if r.error] == [4] and summary.frames_failed == 1
    assert "left: " in summary.failures[0]
    assert [(s.frames_in, s.frames_failed) for s in summary.stages] == [(100, 1), (100, 0)]


# ---- crops


def _save(path, nodes, outputs, size, batch):
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, size, size])
    graph = helper.make_graph(nodes, "small", [image], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return str(path)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a detector that always finds three boxes (one of them too small to be cut out), and a classifier whose
    scores are the crop's mean colours."""
    folder = tmp_path_factory.mktemp("models")
    boxes = np.array([[0, 0, 20, 20, 0.9, 0], [30, 4, 33, 7, 0.8, 1], [10, 8, 50, 40, 0.7, 2]], np.float32)
    found = helper.make_tensor("found", TensorProto.FLOAT, [1, 3, 6], boxes.reshape(-1))
    detector = [
        helper.make_node("Constant", [], ["boxes"], value=found),
        helper.make_node("ReduceMax", ["image"], ["most"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Sub", ["most", "most"], ["zero"]),
        helper.make_node("Add", ["boxes", "zero"], ["output0"]),
    ]
    out = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 3, 6])
    means = helper.make_tensor_value_info("means", TensorProto.FLOAT, ["n", 3])
    classifier = [helper.make_node("ReduceMean", ["image"], ["means"], axes=[2, 3], keepdims=0)]
    return (
        _save(folder / "detector.onnx", detector, [out], 64, 1),
        _save(folder / "classifier.onnx", classifier, [means], 8, "n"),
    )


@pytest.mark.parametrize(("least", "batch", "cut"), [(100, 1, 0), (30, 1, 1), (4, 1, 2), (1, 2, 3)])
def test_each_box_gets_what_was_found_in_its_crop(models, least, batch, cut):
    pipeline = row(
        ("onnx:cpu?threads=1",),
        ("onnx:cpu?threads=1",),
        detector=models[0],
        classifier=models[1],
        crop={"least_size": least},
        height=64,
    ).with_params("classify", batch=batch)
    pipeline = pipeline.with_params("boxes", layout="end2end").with_params("classes", softmax="no")
    results, summary = run(pipeline, RunOptions(frames=12, calibration="never", results=True))
    assert [r.frame_id for r in results] == list(range(12)) and summary.failures == ()
    assert [stage.runs for stage in summary.stages] == [12, 12 * cut]
    for result in results:
        ((key, value),) = result.values.items()
        assert key == "attach.detections" and len(value.rows) == 3
        assert (~np.isnan(value.crops[:, 0])).sum() == cut
        entries = value.as_json()
        assert sum(entry["crop"] is not None for entry in entries) == cut
    assert (
        len({tuple(np.nan_to_num(r.values["attach.detections"].crops).ravel()) for r in results}) > 1
        or not cut
    )
    check_accounts(summary)


def test_crops_decide_on_the_work_that_is_calibrated(models):
    pipeline = row(
        ("onnx:cpu?threads=1",), ("sim:a?ms=2", "sim:b?ms=4"), detector=models[0], height=64
    ).with_params("boxes", layout="end2end")
    with Engine(pipeline, RunOptions(frames=20)) as engine:
        (told,) = [e for e in engine.events() if isinstance(e, Calibrated)]
        summary = engine.wait()
    a, b = (d.fps_alone for d in told.devices)
    assert 0 < a < 250 * 1.05 and 0 < b < 125 * 1.05  # two crops a frame: half of what one would let them do
    assert summary.stages[1].runs == 40


# ---- sources


def test_sources_of_unequal_rate_are_served_fairly():
    pipeline = cameras(
        synthetic(), synthetic(fps=50, seed=1), synthetic(width=32, seed=2), devices=("sim:a?ms=2",)
    )
    options = RunOptions(seconds=1.5, calibration="never", results=True)
    results, summary = run(pipeline, options)
    check_accounts(summary)
    for source in summary.sources:
        assert [r.frame_id for r in results if r.source == source.id] == list(range(source.frames_out))
    one, camera, other = (source.frames_out for source in summary.sources)
    assert camera >= 0.8 * 50 * 1.5 * min(1.0, summary.wall_s / 1.5)  # gets all that it asks for
    assert abs(one - other) <= 0.2 * max(one, other)  # the two that could take everything share the rest
    assert one > camera


def test_a_number_of_frames_is_shared_out_and_a_short_source_leaves_its_slots_to_the_others():
    pipeline = cameras(synthetic(frames=3), synthetic(seed=1), devices=("sim:a?ms=1",))
    results, summary = run(pipeline, RunOptions(frames=101, calibration="never", results=True))
    assert [source.frames_out for source in summary.sources] == [3, 50]
    assert len(results) == 53
    check_accounts(summary)


def test_the_snapshot_tells_stages_and_sources():
    pipeline = cameras(synthetic(), synthetic(seed=1), devices=("sim:a?ms=1",))
    with Engine(pipeline, RunOptions(frames=100, calibration="never")) as engine:
        last = [e.snapshot for e in engine.events() if isinstance(e, MetricsUpdated)][-1]
    assert [(s.id, s.frames_in, s.frames_out) for s in last.sources] == [("cam1", 50, 50), ("cam2", 50, 50)]
    assert [(s.id, s.frames_in, s.frames_out, s.runs) for s in last.stages] == [("model", 100, 100, 100)]
    assert last.devices[0].stage == "model" and last.progress == 1.0
