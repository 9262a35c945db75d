"""Runs with real processes: exact counts, order, stopping, previews, calibration, segments."""

from __future__ import annotations

import json
import os
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from cluster4npu.core.engine.engine import Engine, Run
from cluster4npu.core.engine.messages import (
    Calibrated,
    Finished,
    MetricsUpdated,
    PreviewReady,
    Result,
    ResultsReady,
    RunOptions,
    Segment,
    Started,
    StateChanged,
)
from cluster4npu.core.engine.unread import Unread
from cluster4npu.core.errors import Cancelled, InputError, PipelineInvalid, RunFailed
from cluster4npu.core.scheduling import policy_types

TRIO = ("sim:a?ms=2", "sim:b?ms=5", "sim:c?ms=10")


def until(run: Run, kind: type) -> object:
    """Wait for the first event of this kind."""
    for event in run.events():
        if isinstance(event, kind):
            return event
    raise AssertionError(f"the run ended before {kind.__name__}")


@pytest.fixture(scope="module")
def shared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder of several tests: what the first of them calibrates the others need not."""
    return tmp_path_factory.mktemp("data")


@pytest.mark.parametrize("policy", sorted(policy_types()))
def test_every_frame_is_delivered_once_and_in_order(make_pipeline, policy, shared_data, monkeypatch):
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(shared_data))
    options = RunOptions(frames=150, policy=policy, results=True, traces=True)
    with Engine(make_pipeline(*TRIO), options) as run:
        ids = [result.frame_id for result in run.results()]
        summary = run.wait()
    assert ids == list(range(150))
    assert (summary.frames_in, summary.frames_out, summary.frames_dropped, summary.frames_failed) == (
        150,
        150,
        0,
        0,
    )
    assert summary.out_of_order == 0
    assert sum(d.frames for d in summary.devices) == 150
    assert summary.simulated and all(d.simulated for d in summary.devices)
    shares = {d.id: d.frames for d in summary.devices}
    assert shares["sim:a?ms=2"] > shares["sim:b?ms=5"] > shares["sim:c?ms=10"] > 0


def test_stamps_of_each_frame_are_in_order_of_its_way(make_pipeline):
    with Engine(make_pipeline("sim:a?ms=1"), RunOptions(frames=40, traces=True)) as run:
        traces = run.wait().traces
    way = [
        "scheduled_ns",
        "captured_ns",
        "queued_ns",
        "started_ns",
        "inferred_ns",
        "finished_ns",
        "delivered_ns",
    ]
    assert len(traces) == 40
    for earlier, later in pairwise(way):
        assert (traces[earlier] <= traces[later]).all(), (earlier, later)
    assert (np.diff(traces["delivered_ns"]) >= 0).all()


def test_reports_states_devices_and_metrics(make_pipeline):
    with Engine(make_pipeline(*TRIO), RunOptions(frames=120)) as run:
        events = list(run.events())
    states = [e.state for e in events if isinstance(e, StateChanged)]
    order = [s for i, s in enumerate(states) if i == 0 or states[i - 1] != s]
    assert order == ["starting", "calibrating", "running", "stopped"]
    started = next(e for e in events if isinstance(e, Started))
    assert started.devices == TRIO and started.simulated == TRIO
    last = [e.snapshot for e in events if isinstance(e, MetricsUpdated)][-1]
    assert last.frames_out == 120 and last.progress == 1.0
    assert isinstance(events[-1], Finished)


def test_calibration_measures_rates_and_is_kept_for_the_next_run(make_pipeline):
    pipeline = make_pipeline("sim:a?ms=20", "sim:b?ms=60")
    with Engine(pipeline, RunOptions(frames=5)) as run:
        first = until(run, Calibrated)
    with Engine(pipeline, RunOptions(frames=5)) as run:
        second = until(run, Calibrated)
    assert not first.cached and second.cached and first.devices == second.devices
    a, b = (
        first.devices
    )  # no device is faster than it is; how much slower depends on what else the machine does
    assert 25 < a.fps_alone < 50 * 1.05 and 8 < b.fps_together < 16.7 * 1.05
    assert sum(d.weight for d in first.devices) == pytest.approx(1)


def test_stop_comes_within_a_second_and_counts_what_is_dropped(make_pipeline):
    with Engine(make_pipeline("sim:a?ms=20"), RunOptions(calibration="never")) as run:
        until(run, MetricsUpdated)
        asked = time.monotonic()
        run.stop()
        summary = run.wait(60)
        assert time.monotonic() - asked < 2.0  # a second, and room for a loaded machine
    assert summary.frames_in == summary.frames_out + summary.frames_dropped + summary.frames_failed
    assert summary.frames_dropped > 0
    assert sum(d.frames for d in summary.devices) == summary.frames_out


def test_stop_without_hurry_finishes_what_is_in_flight(make_pipeline):
    engine = Engine(make_pipeline("sim:a?ms=5"), RunOptions(calibration="never", results=True))
    with engine as run:
        first = [next(run.results()).frame_id for _ in range(3)]
        with pytest.raises(InputError, match="not over"):
            engine.start()
        run.stop(now=False)
        summary = run.wait(60)
    assert summary.frames_dropped == 0 and summary.frames_in == summary.frames_out
    assert [*first, *(result.frame_id for result in run.results())] == list(range(summary.frames_out))


def test_stop_while_loading_ends_at_once(make_pipeline):
    with Engine(make_pipeline("sim:a?ms=5"), RunOptions()) as run:
        run.stop()
        assert run.wait(60).frames_in == 0


def test_seconds_bound_a_run(make_pipeline):
    with Engine(make_pipeline("sim:a?ms=5"), RunOptions(seconds=0.5)) as run:
        summary = run.wait(60)
    assert 0.4 < summary.wall_s < 3 and summary.frames_dropped == 0


def test_pacing_keeps_the_asked_rate(make_pipeline):
    options = RunOptions(seconds=2, target_fps=40, traces=True)
    with Engine(make_pipeline("sim:a?ms=1"), options) as run:
        summary = run.wait(60)
    assert 40 < summary.frames_out <= 83  # fewer only where the machine could not keep up
    assert (np.diff(summary.traces["scheduled_ns"]) == 25_000_000).all()


def test_preview_is_made_only_when_asked_for(make_pipeline):
    with Engine(make_pipeline("sim:a?ms=5", width=320, height=200), RunOptions(calibration="never")) as run:
        until(run, MetricsUpdated)
        assert run.read_preview() is None
        for wrong in ((0, 10), (-5, 10), ("a", "b"), (2.5, 10)):
            with pytest.raises(InputError, match="max_width"):
                run.want_preview(*wrong)
        run.want_preview(max_width=160)
        ready = until(run, PreviewReady)
        frame = run.read_preview()
        assert frame.pixels.shape == (ready.height, ready.width, 3) == (100, 160, 3)
        assert frame.scale == pytest.approx(0.5)
        assert frame.pixels.any()
        assert run.read_preview() is None


def most_at_once(summary) -> int:
    """Return how many frames were under way at once, from being read to being delivered."""
    taken = np.sort(summary.traces["captured_ns"])
    delivered = np.sort(summary.traces["delivered_ns"])
    return int(max(n + 1 - np.searchsorted(delivered, time_ns) for n, time_ns in enumerate(taken)))


def used_at_rest(processes: list[psutil.Process], seconds: float) -> list[tuple[float, int]]:
    """Return the processor time that each process takes meanwhile, and how often it falls asleep again."""

    def look() -> list[tuple[float, int]]:
        return [(sum(p.cpu_times()[:2]), p.num_ctx_switches().voluntary) for p in processes]

    before = look()
    time.sleep(seconds)  # what is measured is a time in which nothing happens
    return [(s - s0, n - n0) for (s, n), (s0, n0) in zip(look(), before, strict=True)]


def test_held_engine_measures_segments_on_chosen_devices(make_pipeline):
    with Engine(make_pipeline(*TRIO), RunOptions(hold=True, traces=True)) as run:
        alone = run.measure(Segment(devices=(TRIO[1],), frames=30, results=True))
        both = run.measure(Segment(devices=TRIO[:2], frames=60))
        again = run.measure(Segment(devices=(TRIO[1],), frames=30, window=1))
        processes = [psutil.Process(pid) for pid in run.started.processes]
        used_s, woken = zip(*used_at_rest(processes, 1.0), strict=True)
    assert (
        sum(used_s) < 0.05 and max(woken) < 20
    )  # nobody polls: 0 s, and hardly ever, unless the system looks in
    assert {d.id: d.frames for d in alone.summary.devices} == {TRIO[0]: 0, TRIO[1]: 30, TRIO[2]: 0}
    assert [r.frame_id for r in alone.results] == list(range(30))
    assert {d.id for d in both.summary.devices if d.frames} == set(TRIO[:2])
    traces = both.summary.traces
    first, second = (traces[traces["worker"] == index] for index in range(2))
    began, ended = second["started_ns"], second["finished_ns"]
    assert any(((one["started_ns"] < ended) & (began < one["finished_ns"])).any() for one in first)
    assert most_at_once(alone.summary) > 1 and most_at_once(again.summary) == 1


def test_a_segment_that_would_measure_nothing_is_refused(make_pipeline):
    devices = ("sim:a?ms=1",)
    with Engine(make_pipeline(*devices), RunOptions(hold=True)) as run:
        for segment in (Segment(devices, seconds=-1), Segment(devices, frames=0), Segment(devices, window=0)):
            with pytest.raises(InputError, match="out of bounds"):
                run.measure(segment)


def test_a_segment_can_be_cancelled(make_pipeline):
    with Engine(make_pipeline("sim:a?ms=20"), RunOptions(hold=True)) as run, pytest.raises(Cancelled):
        run.measure(Segment(devices=("sim:a?ms=20",), seconds=60), cancelled=lambda: True)
    assert run.finished


def test_a_pipeline_with_problems_is_refused_before_anything_starts(make_pipeline):
    broken = make_pipeline("sim:a?ms=1").replace(edges=())
    with pytest.raises(PipelineInvalid) as caught:
        Engine(broken)
    assert {p.node for p in caught.value.problems} >= {"preprocess", "inference", "preview"}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (RunOptions(frames=0), "frames"),
        (RunOptions(frames="x"), "frames"),
        (RunOptions(frames=1.5), "frames"),
        (RunOptions(window=2.5), "window"),
        (RunOptions(seed=[1]), "seed"),
        (RunOptions(loop="yes"), "loop"),
        (RunOptions(results_file=5), "results_file"),
        (RunOptions(devices=()), "devices"),
        (RunOptions(target_fps=float("nan")), "target_fps"),
        (RunOptions(seconds=True), "seconds"),
        (RunOptions(in_flight=0), "in_flight"),
        (RunOptions(overload="drop"), "overload"),
        (RunOptions(calibration="maybe"), "calibration"),
        (RunOptions(policy="smoth"), "policy"),
        (RunOptions(devices=("tpu:1",)), "devices"),
        (RunOptions(devices=("sim:a?mss=3",)), "devices"),
        (RunOptions(devices=("sim:ane", "sim:ane")), "devices"),
        (RunOptions(devices=("nonsense",)), "devices"),
    ],
)
def test_wrong_options_name_the_field(make_pipeline, options, field):
    with pytest.raises(InputError) as caught:
        Engine(make_pipeline("sim:ane"), options)
    assert caught.value.exit_code == 2
    assert field in {p.field for p in caught.value.problems}


def test_every_wrong_option_is_told_at_once(make_pipeline):
    with pytest.raises(InputError) as caught:
        Engine(make_pipeline("sim:ane"), RunOptions(seconds="a", ring_slots=3.7, policy=1))
    assert [p.field for p in caught.value.problems] == ["policy", "seconds", "ring_slots"]


def test_the_path_of_a_file_is_no_pipeline():
    with pytest.raises(InputError, match=r"Pipeline\.open"):
        Engine("mine.json")


def test_one_device_may_be_named_by_itself(make_pipeline):
    assert Engine(make_pipeline("sim:gpu"), devices="sim:ane").options.devices == ("sim:ane",)
    for wrong in ([], 5, [1]):
        with pytest.raises(InputError, match="devices"):
            Engine(make_pipeline("sim:gpu"), devices=wrong)
    with pytest.raises(InputError, match="RunOptions"):
        Engine(make_pipeline("sim:gpu"), {"frames": 3})


def test_who_reads_slowly_gets_every_result(make_pipeline):
    options = RunOptions(frames=3000, calibration="never", results=True)
    with Engine(make_pipeline("sim:a?ms=0"), options) as run:
        results = run.results()
        ids = [next(results).frame_id for _ in range(10)]
        workers = [psutil.Process(pid) for pid in run.started.processes[1:]]
        psutil.wait_procs(workers, timeout=60)
        time.sleep(2.2)  # the run is over, and all that is left of it is what nobody has read
        ids += [result.frame_id for result in results]
        assert run.wait().frames_out == 3000
    assert ids == list(range(3000))


def test_results_beyond_the_bound_are_given_up_with_a_word():
    kept, event = Unread(), ResultsReady((Result(0, "sim:a", 1.0, None), Result(1, "sim:a", 1.0, None)))
    kept.keep([event, event])
    assert [next(kept.take()).frame_id for _ in range(4)] == [0, 1, 0, 1] and not list(kept.take())
    kept.keep([event], most_bytes=3000)
    kept.keep([event], most_bytes=3000)
    with pytest.raises(InputError, match="4 results given up"):
        list(kept.take())


def test_a_ring_that_does_not_fit_is_refused_with_the_remedy(make_pipeline):
    pipeline = make_pipeline("sim:a?ms=1", width=3840, height=2160)
    with Engine(pipeline, RunOptions(ring_slots=10_000)) as run, pytest.raises(RunFailed) as caught:
        run.wait(60)
    assert "shared memory" in str(caught.value) and "--shm-size" in str(caught.value)


def test_a_harmful_device_is_left_out_and_named(make_pipeline):
    pipeline = make_pipeline("sim:fast?ms=5", "sim:slow?ms=250")
    with Engine(pipeline, RunOptions(frames=200, ring_slots=16)) as run:
        summary = run.wait(60)
    counts = {d.id: d.frames for d in summary.devices}
    assert counts == {"sim:fast?ms=5": 200, "sim:slow?ms=250": 0}
    assert any(w.startswith("sim:slow?ms=250 was left out") for w in summary.warnings)


def test_a_device_that_was_left_out_gets_another_chance(make_pipeline, tmp_path):
    pipeline = make_pipeline("sim:a?ms=5", "sim:b?ms=5")

    def frames_of_b() -> int:
        with Engine(pipeline, RunOptions(frames=60)) as run:
            return {d.id: d.frames for d in run.wait(60).devices}["sim:b?ms=5"]

    assert frames_of_b() > 20
    (kept,) = tmp_path.rglob("calibration/*.json")
    rows = json.loads(kept.read_text())
    for row in rows:  # as if another program had had the machine while they were measured together
        row["fps_alone"] = 200.0 if row["id"].startswith("sim:a") else 199.0  # b is the one that is left out
        row["fps_together"] = row["fps_alone"] / 4
    kept.write_text(json.dumps(rows))
    assert frames_of_b() == 0
    an_hour_ago = time.time() - 3600
    os.utime(kept, (an_hour_ago, an_hour_ago))
    assert frames_of_b() > 20
