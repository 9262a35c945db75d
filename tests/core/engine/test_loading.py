"""Loading: a driver that hangs is left out while the others go on, and an exclusive device serves one run."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from cluster4npu import Engine, RunOptions
from cluster4npu.core.devices import exclusive
from cluster4npu.core.engine.messages import (
    Failed,
    MetricsUpdated,
    Started,
    StateChanged,
    WorkerFailed,
)
from cluster4npu.core.errors import DeviceUnavailable, InputError, RunFailed
from tests.backends import models

HANGS = "sim:hangs?load_ms=86000000&ms=1"


def test_a_driver_that_hangs_is_left_out_and_the_others_go_on(make_pipeline) -> None:
    options = RunOptions(
        frames=30, load_timeout_s=8.0, calibration="never"
    )  # a busy machine loads the other in 5
    with Engine(make_pipeline("sim:good?ms=1", HANGS), options) as run:
        lost = [event for event in run.events() if isinstance(event, WorkerFailed)]
        summary = run.wait()
    assert [(event.device, event.final) for event in lost] == [(HANGS, True)]
    good, hung = summary.devices
    assert summary.frames_out == good.frames == 30
    assert "did not load within 8 s" in hung.failed and hung.unit == "unknown"
    assert any("left out" in text for text in summary.warnings)


def test_a_device_that_loads_for_long_joins_the_others_when_it_is_there(make_pipeline) -> None:
    late = "sim:late?load_ms=2500&ms=5"
    details = []
    with Engine(make_pipeline("sim:good?ms=5", late), RunOptions(late_after_s=0.1)) as run:
        for event in run.events():
            if isinstance(event, StateChanged):
                details.append(event.detail)
            elif isinstance(event, MetricsUpdated) and event.snapshot.devices[1].frames > 3:
                run.stop(now=False)
        summary = run.wait(60)
    assert any("beginning without" in detail and late in detail for detail in details)
    assert any(
        "still loading (it has 180 s): the others went on" in text and late in text
        for text in summary.warnings
    )
    good, joined = summary.devices
    assert good.frames > 100 > joined.frames > 3 and joined.unit == "simulated late"
    assert (summary.frames_failed, summary.frames_dropped, summary.restarts) == (0, 0, 0)


def test_a_device_that_is_unplugged_loses_no_frame(make_pipeline) -> None:
    stick = "sim:stick?ms=2&unplug_at=5"
    with Engine(make_pipeline("sim:good?ms=2", stick), RunOptions(frames=60, calibration="never")) as run:
        lost = [event for event in run.events() if isinstance(event, WorkerFailed)]
        summary = run.wait()
    assert [(event.device, event.final) for event in lost] == [(stick, True)]
    assert "unplugged at its frame 5" in lost[0].reason and lost[0].node == "inference"
    assert (summary.frames_out, summary.frames_failed, summary.restarts) == (60, 0, 0)
    assert {d.id: "unplugged" in d.failed for d in summary.devices} == {"sim:good?ms=2": False, stick: True}


def test_where_the_only_device_is_unplugged_the_run_ends_with_the_reason(make_pipeline) -> None:
    pipeline = make_pipeline("sim:stick?ms=1&unplug_at=5")
    with Engine(pipeline, RunOptions(frames=60)) as run:
        (end,) = [event for event in run.events() if isinstance(event, Failed)]
    (problem,) = end.error.problems
    assert problem.node == "inference" and problem.hint and problem.found.count("unplugged") == 1
    summary = end.summary
    assert summary is not None and (summary.frames_out, summary.frames_dropped) == (4, 0)
    assert summary.frames_failed == summary.frames_in - 4 > 0
    (stage,) = summary.stages
    assert (stage.frames_out, stage.frames_failed) == (4, stage.frames_in - 4)


@pytest.mark.parametrize(("measured", "frames"), [("", 9), ("&count_measuring=1", 0)])
def test_a_device_is_unplugged_at_a_frame_of_the_run_unless_measuring_counts(
    make_pipeline, measured: str, frames: int
) -> None:
    stick = f"sim:stick?ms=2&unplug_at=10{measured}"
    with Engine(make_pipeline("sim:good?ms=2", stick), RunOptions(frames=100)) as run:
        summary = run.wait(60)
    assert summary.devices[1].frames == frames and "unplugged" in summary.devices[1].failed
    assert (summary.frames_out, summary.frames_failed, summary.frames_dropped) == (100, 0, 0)
    (warning,) = summary.warnings
    assert summary.devices[1].id in warning and "unplugged" in warning


def test_the_status_of_a_device_changes_within_a_second(make_pipeline) -> None:
    """A look at all devices comes four times a second: the fourth after the news at the latest tells it."""
    stick = "sim:stick?ms=5&unplug_at=150"
    looks: list[str] = []
    known = None
    with Engine(make_pipeline("sim:good?ms=5", stick), RunOptions(calibration="never")) as run:
        for event in run.events():
            if isinstance(event, WorkerFailed):
                known = len(looks)
            elif isinstance(event, MetricsUpdated):
                workers = event.snapshot.devices
                total = sum(worker.frames for worker in workers)
                assert all(w.share == (w.frames / total if total else 0.0) for w in workers)
                looks.append(workers[1].state)
                if looks[-1] == "failed" or len(looks) > 200:
                    run.stop(now=False)
    assert known is not None and {"busy", "ready"} & set(looks[:known])
    assert looks.index("failed") - known < 4 and set(looks[looks.index("failed") :]) == {"failed"}


def test_start_and_first_inference_are_measured(make_pipeline, tmp_path: Path) -> None:
    model = models.conv(tmp_path / "net.onnx", size=(32, 32))
    config = make_pipeline("onnx:cpu", "sim:slow?load_ms=400&ms=1", model=str(model), width=64, height=64)
    with Engine(config, RunOptions(frames=60, calibration="never")) as run:
        real, slow = run.wait(60).devices
    assert slow.startup_ms is not None and 400 <= slow.startup_ms < 20_000
    assert slow.first_inference_ms is None  # a simulated device computes nothing
    assert real.startup_ms and real.first_inference_ms and real.latency_ms.p50
    assert (
        real.first_inference_ms >= real.latency_ms.p50 / 2
    )  # the cold one; the machine may have been taken away


def test_where_no_device_loads_the_run_ends_with_a_remedy(make_pipeline) -> None:
    engine = Engine(make_pipeline(HANGS), RunOptions(frames=3, load_timeout_s=0.5))
    with engine as run, pytest.raises(RunFailed, match="lost while it was loading") as caught:
        run.wait(60)
    (problem,) = caught.value.problems
    assert problem.node == "inference" and problem.hint


def test_a_limit_out_of_bounds_is_refused(make_pipeline) -> None:
    with pytest.raises(InputError, match="load_timeout_s"):
        Engine(make_pipeline("sim:a?ms=1"), RunOptions(load_timeout_s=0.0))


def test_an_exclusive_device_takes_no_second_worker(make_pipeline) -> None:
    pipeline = make_pipeline("sim:stick?ms=1&exclusive=1", "sim:stick?ms=1&exclusive=1#2")
    with pytest.raises(InputError, match="takes no second worker"):
        Engine(pipeline, RunOptions(frames=3))


def test_two_pipelines_cannot_have_one_exclusive_device(make_pipeline) -> None:
    pipeline = make_pipeline("sim:stick?ms=1&exclusive=1")
    with Engine(pipeline, RunOptions(hold=True)) as first:
        assert any(isinstance(event, Started) for event in first.events())
        other = Engine(pipeline, RunOptions(frames=3))
        with other as second, pytest.raises(DeviceUnavailable, match="in use") as caught:
            second.wait(60)
        (problem,) = caught.value.problems
        assert problem.node == "inference" and str(first.started.processes[1]) in problem.found
    with Engine(pipeline, RunOptions(frames=3)) as third:
        assert third.wait(60).frames_out == 3


def _hold(folder: str, told) -> None:
    import os

    os.environ["CLUSTER4NPU_DATA"] = folder
    kept = exclusive.hold("stick:0")
    told.send(kept is not None)
    told.recv()


def test_a_killed_holder_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    holder = context.Process(target=_hold, args=(str(tmp_path), theirs))
    holder.start()
    assert ours.recv()
    with pytest.raises(DeviceUnavailable, match=str(holder.pid)):
        exclusive.hold("stick:0")
    exclusive.hold("stick:1").close()
    holder.kill()
    holder.join()
    exclusive.hold("stick:0").close()


def test_a_model_with_random_weights_is_told_as_such_at_the_start_and_at_the_end(
    make_pipeline, tmp_path: Path
) -> None:
    told = {"description": "net, speed only: random weights, recognises nothing"}
    model = models.conv(tmp_path / "net-speed-only.onnx", size=(32, 32), metadata=told)
    config = make_pipeline("onnx:cpu", model=str(model), width=64, height=64)
    with Engine(config, RunOptions(frames=3, calibration="never")) as run:
        notices = [e.detail for e in run.events() if isinstance(e, StateChanged) and e.notice]
        summary = run.wait(60)
    (warning,) = summary.warnings
    assert "net-speed-only.onnx is for SPEED ONLY" in warning and warning in notices
