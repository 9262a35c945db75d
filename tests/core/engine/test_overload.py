"""Sources that are too fast, sinks that are too slow: the policy is obeyed and every frame is accounted for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import MetricsUpdated, ResultsReady, RunOptions, Segment
from cluster4npu.core.engine.overload import feed_plan
from cluster4npu.core.errors import InputError, RunFailed
from tests.backends.models import fails_on_light
from tests.core.nodes.media import make, write_video
from tests.distribution import Rounds, note, short, soak
from tests.sinks_in_children import SLOW, path_with

MS, FPS = 20, 200  # a device of 50 frames/s and a source of 200
SINK_MS = 2  # a sink of 500 lines/s at most


def watch(config, options):
    """Run; return the ids of all results, the summary and the last snapshot. Each snapshot must add up."""
    ids, last = [], None
    with Engine(config, options) as run:
        for event in run.events():
            if isinstance(event, ResultsReady):
                ids += [r.frame_id for r in event.results]
            elif isinstance(event, MetricsUpdated):
                s = last = event.snapshot
                accounted = s.frames_out + s.frames_dropped + s.frames_failed + s.in_flight
                assert s.frames_in == accounted, s
        summary = run.wait()
    assert summary.frames_in == summary.frames_out + summary.frames_dropped + summary.frames_failed
    assert last is not None and last.frames_in == summary.frames_in
    return ids, summary


@pytest.mark.parametrize("overload", ["block", "drop_oldest", "latest"])
@pytest.mark.parametrize("many", [short(120), soak(100_000)])
def test_a_source_faster_than_the_devices(make_pipeline, overload, many: Rounds):
    frames = many.at_rate(FPS if overload != "block" else 1000 / MS)
    many.begin()
    options = RunOptions(
        frames=frames, target_fps=FPS, overload=overload, calibration="never", results=True, traces=True
    )
    ids, summary = watch(make_pipeline(f"sim:a?ms={MS}"), options)
    many.done = summary.frames_in
    note(
        f"overload {overload}: {frames} = {summary.frames_out} delivered + {summary.frames_dropped} dropped",
        many,
    )
    assert summary.frames_in == frames and summary.frames_failed == 0
    assert ids == sorted(set(ids)) and len(ids) == summary.frames_out
    assert summary.traces is not None and len(summary.traces) >= summary.frames_out
    if overload == "block":
        assert summary.frames_dropped == 0
    else:
        assert summary.frames_dropped > frames / 2
        # what is kept is fresh: drop_oldest bounds the queue, latest leaves no queue at all
        assert summary.latency_ms.mean < (500 if overload == "drop_oldest" else 100)


def test_nothing_is_dropped_while_the_devices_keep_up(make_pipeline):
    options = RunOptions(frames=40, target_fps=60, overload="drop_oldest", calibration="never")
    _, summary = watch(make_pipeline("sim:a?ms=2", "sim:b?ms=2"), options)
    assert (summary.frames_out, summary.frames_dropped) == (40, 0)


def test_failing_frames_are_accounted_for_among_dropped_ones(make_pipeline):
    options = RunOptions(frames=60, target_fps=FPS, overload="latest", calibration="never")
    _, summary = watch(make_pipeline("sim:a?ms=10&fail_at=9"), options)
    assert summary.frames_failed == 1 and summary.frames_dropped > 0


@pytest.mark.parametrize("overload", ["block", "drop_oldest"])
def test_a_slow_sink_holds_the_run_back_and_loses_no_line(
    make_pipeline, tmp_path: Path, overload, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", path_with(SLOW.format(ms=SINK_MS), tmp_path))
    file = tmp_path / "slow.jsonl"
    options = RunOptions(
        frames=900, target_fps=1500, overload=overload, calibration="never", results_file=str(file)
    )
    _, summary = watch(make_pipeline("sim:a?ms=0"), options)
    assert summary.wall_s >= (summary.frames_out - 300) * SINK_MS / 1e3  # at most 256 wait for the sink
    written = [json.loads(line)["frame"] for line in file.read_text("utf-8").splitlines()]
    assert len(written) == summary.frames_out and written == sorted(set(written))
    assert summary.frames_in == 900 and (summary.frames_dropped == 0) is (overload == "block")


def test_the_file_says_it_and_the_run_overrules_it(make_pipeline):
    pipeline = make_pipeline("sim:a?ms=20", overload="latest", target_fps=200, frames=30)
    _, dropping = watch(pipeline, RunOptions(calibration="never"))
    _, waiting = watch(pipeline, RunOptions(calibration="never", overload="block"))
    assert dropping.frames_dropped > 0 == waiting.frames_dropped


def test_a_source_without_a_rate_cannot_drop(make_pipeline):
    options = RunOptions(overload="latest")
    with Engine(make_pipeline("sim:a?ms=1"), options) as run, pytest.raises(InputError) as caught:
        run.wait(60)
    assert caught.value.problems[0].field == "target_fps"


def test_a_file_that_may_drop_is_read_at_its_own_rate(tmp_path: Path):
    node = make("video_file", path=str(write_video(tmp_path / "a.avi", 5, fps=25.0)))
    source = node.open()
    plan = feed_plan(node, source.spec, RunOptions(overload="latest"), Segment(("sim:a",)), loop=False)
    source.close()
    assert (plan.arrivals, plan.overload) == (Arrivals(25.0), "latest")


def test_a_run_in_which_every_frame_fails_ends_early(make_pipeline, tmp_path):
    pipeline = make_pipeline("onnx:cpu?threads=1", model=str(fails_on_light(tmp_path / "m.onnx")))
    run_options = RunOptions(frames=100_000, calibration="never")
    with Engine(pipeline, run_options) as run, pytest.raises(RunFailed, match="each of the first 32 frames"):
        run.wait(60)
