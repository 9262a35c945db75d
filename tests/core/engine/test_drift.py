"""A device that becomes slower in mid-run: told, and measured anew by the next run."""

from __future__ import annotations

from cluster4npu.core.engine.drift import LEAST_FRAMES, DriftWatch, MeanWeights
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import Calibrated, MetricsUpdated, RunOptions, StateChanged

MS = 1_000_000  # ns


def looks(watch, ms, times, frames=LEAST_FRAMES):
    return [watch.look("a", ms * MS, frames + number) for number in range(times)]


def test_drift_is_told_once_when_it_lasts():
    watch = DriftWatch({"a": 100.0})
    assert looks(watch, 12, 20) == [""] * 20  # calibrated were 10 ms
    first, *more = [words for words in looks(watch, 20, 20, 100) if words]
    assert first == "needs 20.0 ms for a frame, calibrated were 10.0 ms" and more == []


def test_a_moment_the_first_frames_and_old_news_are_no_drift():
    watch = DriftWatch({"a": 100.0})
    assert looks(watch, 20, 3) + looks(watch, 10, 1, 50) + looks(watch, 20, 3, 60) == [""] * 7
    assert looks(watch, 20, 5, 0) == [""] * 5
    watch = DriftWatch({"a": 100.0})
    assert [watch.look("a", 20 * MS, 100) for _ in range(9)] == [""] * 9  # no new frame
    assert looks(DriftWatch({}), 20, 9) == [""] * 9  # never calibrated


def test_the_weight_of_a_run_is_the_mean_over_its_frames():
    weights = MeanWeights()
    assert weights.of("a") is None
    weights.note({"a": 30.0, "b": 10.0}, 100)
    weights.note({"a": 10.0, "b": 30.0}, 200)
    weights.note({"b": 30.0}, 200)  # no new frame
    assert (weights.of("a"), weights.of("b"), weights.of("c")) == (0.5, 0.5, 0.0)
    weights.note({"b": 5.0}, 400)  # the other one is lost
    assert (weights.of("a"), weights.of("b")) == (0.25, 0.75)


def test_a_device_that_has_become_slower_is_told_and_measured_anew(make_pipeline):
    slower = "sim:a?drift=3&drift_after=250&ms=8"
    pipeline = make_pipeline(slower, "sim:b?ms=8")
    live = []
    with Engine(pipeline, RunOptions()) as run:
        for event in run.events():
            if isinstance(event, StateChanged) and event.notice and event.detail.startswith(slower):
                live.append(event.detail)
                run.stop(now=False)
            if isinstance(event, MetricsUpdated) and event.snapshot.elapsed_s > 40:
                run.stop()  # it must have been noticed long before
        summary = run.wait(60)
    (told,) = [text for text in summary.warnings if text.startswith(slower)]
    assert live == [told]
    assert all(abs(device.weight - device.share) < 0.03 for device in summary.devices)
    assert "has become slower" in told and "The next run measures anew" in told
    with Engine(pipeline, RunOptions(frames=5)) as run:
        events = list(run.events())
    assert [event.cached for event in events if isinstance(event, Calibrated)] == [False]
    assert any("anew: " + slower in event.detail for event in events if isinstance(event, StateChanged))
    with Engine(pipeline, RunOptions(frames=5)) as run:
        assert [event.cached for event in run.events() if isinstance(event, Calibrated)] == [True]
