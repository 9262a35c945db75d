"""What a run survives: dying, hanging and failing workers, a killed manager, a vanished app."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from cluster4npu.core.engine import shm
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.losses import MOST_RESTARTS
from cluster4npu.core.engine.messages import MetricsUpdated, RunOptions, Started, StateChanged, WorkerFailed
from cluster4npu.core.errors import RunFailed
from tests.distribution import Rounds, short, show, soak

QUICK = RunOptions(calibration="never", results=True)


def test_killed_worker_costs_no_frame(make_pipeline):
    options = RunOptions(frames=400, calibration="never", results=True)
    with Engine(make_pipeline("sim:a?ms=5", "sim:b?ms=5"), options) as run:
        ids, told = [], []
        for event in run.events():
            if isinstance(event, Started):
                victim = event.processes[1]
            if isinstance(event, MetricsUpdated) and victim and event.snapshot.frames_out > 20:
                psutil.Process(victim).kill()
                victim = 0
            if isinstance(event, WorkerFailed):
                told.append(event)
            if hasattr(event, "results"):
                ids += [r.frame_id for r in event.results]
        summary = run.wait()
    assert ids == list(range(400))
    assert [e.device for e in told] == ["sim:a?ms=5"] and not told[0].final
    assert summary.frames_out == 400 and summary.restarts == 1
    assert any("sim:a?ms=5" in warning for warning in summary.warnings)


def test_device_that_keeps_dying_is_given_up_and_named(make_pipeline):
    options = RunOptions(frames=100_000, calibration="never", in_flight=1)
    told = []
    with Engine(make_pipeline("sim:bad?ms=1&die_at=2", "sim:good?ms=10"), options) as run:
        for event in run.events():
            if isinstance(event, WorkerFailed):
                told.append(event)
                if event.final:
                    run.stop(now=False)
        summary = run.wait(60)
    bad, good = summary.devices
    assert summary.frames_in == summary.frames_out + summary.frames_failed
    assert {event.device for event in told} == {bad.id} and told[-1].final
    assert bad.failed and good.frames > 0 and not good.failed
    assert summary.restarts == bad.restarts == len(told) - 1 >= 1
    assert any(bad.id in text and "went on without it" in text for text in summary.warnings)


def test_run_ends_when_every_device_has_failed(make_pipeline):
    options = RunOptions(frames=100, calibration="never", in_flight=1)
    with Engine(make_pipeline("sim:bad?ms=1&die_at=1"), options) as run:
        told = [e for e in run.events() if isinstance(e, WorkerFailed)]
        with pytest.raises(RunFailed, match=r"(?s)every device has failed.*sim:bad"):
            run.wait(60)
    assert [e.final for e in told] == [False] * MOST_RESTARTS + [True]


def test_frame_that_fails_is_told_and_the_rest_goes_on(make_pipeline):
    with Engine(make_pipeline("sim:a?ms=1&fail_at=7"), RunOptions(frames=30, calibration="never")) as run:
        summary = run.wait(60)
    assert (summary.frames_out, summary.frames_failed) == (29, 1)
    assert "frame 6" in summary.failures[0]


HANGS_S = 0.5


@pytest.mark.parametrize("times", [short(1), soak(500)])
def test_a_hanging_worker_is_told_after_the_timeout_and_replaced(make_pipeline, times: Rounds):
    options = RunOptions(frames=30, calibration="never", frame_timeout_s=HANGS_S, in_flight=1)
    told_s = []
    for _ in times:
        with Engine(make_pipeline("sim:a?ms=1&hang_at=2", "sim:b?ms=20"), options) as run:
            told, told_at_s = [], []
            for event in run.events():
                if isinstance(event, Started):
                    begun = time.monotonic()
                elif isinstance(event, WorkerFailed):
                    told.append(event)
                    told_at_s.append(time.monotonic() - begun)
            summary = run.wait()
        assert summary.frames_out + summary.frames_failed == 30
        assert {event.device for event in told} == {"sim:a?hang_at=2&ms=1"}
        assert all("no progress" in event.reason for event in told)
        told_s.append(told_at_s[0])
    show(f"told of a worker that hangs from its second frame, with a timeout of {HANGS_S:g} s", told_s, times)
    assert max(told_s) < HANGS_S + 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is POSIX")
def test_a_run_that_was_stopped_as_a_whole_goes_on_where_it_was(make_pipeline):
    options = RunOptions(calibration="never", frame_timeout_s=0.5)
    with Engine(make_pipeline("sim:a?ms=5", "sim:b?ms=5"), options) as run:
        before, stopped = 0, False
        for event in run.events():
            if not isinstance(event, MetricsUpdated) or event.snapshot.frames_out < 20:
                continue
            if not stopped:  # as by Ctrl-Z, or a container that is frozen: for longer than a frame may take
                for pid in run.started.processes:
                    os.kill(pid, signal.SIGSTOP)
                time.sleep(2.0)
                for pid in reversed(run.started.processes):
                    os.kill(pid, signal.SIGCONT)
                stopped, before = True, event.snapshot.frames_out
            elif event.snapshot.frames_out > before + 100:
                run.stop(now=False)
        summary = run.wait(60)
    assert summary.restarts == 0 and summary.frames_failed == 0 and summary.warnings == ()


def test_killed_manager_is_told_and_leaves_nothing(make_pipeline, segments):
    with Engine(make_pipeline("sim:a?ms=5"), QUICK) as run:
        for event in run.events():
            if isinstance(event, Started):
                processes = event.processes
            if isinstance(event, MetricsUpdated):
                psutil.Process(processes[0]).kill()
                break
        with pytest.raises(RunFailed, match="manager process was ended from outside"):
            run.wait(60)
    _, alive = psutil.wait_procs([p for p in map(_process, processes) if p], timeout=5)
    assert alive == []
    assert not [name for name in segments() if f"_{processes[0]:x}_" in name]


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_killed_app_takes_manager_and_workers_with_it(make_pipeline, tmp_path, segments):
    make_pipeline("sim:a?ms=5", "sim:b?ms=5").save(tmp_path / "p.json")
    script = tmp_path / "app.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            from cluster4npu.core.engine.engine import Engine
            from cluster4npu.core.engine.messages import MetricsUpdated, RunOptions, Started
            from cluster4npu.core.pipeline.config import PipelineConfig

            if __name__ == "__main__":
                with Engine(PipelineConfig.open(sys.argv[1]), RunOptions(calibration="never")) as run:
                    for event in run.events():
                        if isinstance(event, Started):
                            print(*event.processes, flush=True)
            """
        )
    )
    with subprocess.Popen(
        [sys.executable, script, tmp_path / "p.json"], stdout=subprocess.PIPE, text=True
    ) as app:
        pids = [int(pid) for pid in app.stdout.readline().split()]
        os.kill(app.pid, signal.SIGKILL)
    processes = [p for p in map(_process, pids) if p]
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert alive == []
    deadline = time.monotonic() + 5
    while [n for n in segments() if f"_{pids[0]:x}_" in n] and time.monotonic() < deadline:
        shm.sweep()
    assert not [name for name in segments() if f"_{pids[0]:x}_" in name]


def test_a_worker_killed_during_calibration_is_told_as_it_is(make_pipeline):
    told: list[WorkerFailed] = []
    with Engine(make_pipeline("sim:a?ms=20", "sim:b?ms=20"), RunOptions(frames=60)) as run:
        for event in run.events():
            if isinstance(event, Started):
                first = event.processes[1]
            if isinstance(event, StateChanged) and event.detail.endswith("sim:a?ms=20 alone") and first:
                psutil.Process(first).kill()
                first = 0  # it is measured again when it is back
            if isinstance(event, WorkerFailed):
                told.append(event)
        summary = run.wait(60)
    (loss,) = told
    assert loss.device == "sim:a?ms=20" and not loss.final  # it is started again
    used = {d.id: d.frames for d in summary.devices}["sim:a?ms=20"] > 0
    assert used or any(w.startswith("sim:a?ms=20 was lost while it was measured") for w in summary.warnings)
    assert summary.frames_out == 60
