"""A frame that kills whoever computes it, a device that dies again and again, a manager that is killed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from cluster4npu.core.devices import registry
from cluster4npu.core.engine import shm
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.losses import FIRST_BACKOFF_S, MOST_RESTARTS, PROGRESS_FRAMES
from cluster4npu.core.engine.messages import ResultsReady, RunOptions, Started, WorkerFailed
from cluster4npu.core.errors import RunFailed
from cluster4npu.core.vision.capture import quiet_cv2
from tests.distribution import Rounds, note, short, show, soak

DARK, BRIGHT = 10, 250


FRAGILE = """
import os
from cluster4npu.core.devices.backend import Backend, DeviceInfo, Session
from cluster4npu.core.devices.null import NULL_MODEL


class Mine(Backend):
    key = "fragile"
    title = "Dies of bright frames"

    def devices(self):
        return [DeviceInfo(id="fragile:cpu", name="fragile", kind="cpu", backend=self.key)]

    def load(self, model, device, options):
        return Fragile()


class Fragile(Session):
    info = NULL_MODEL
    unit = "test"

    def infer(self, batch):
        if batch.max() > 0.9:
            os._exit(7)
        return []
"""


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a backend whose worker dies of a bright frame, for this test and the processes that it starts."""
    (tmp_path / "fragile_backend.py").write_text(FRAGILE)
    info = tmp_path / "fragile_backend-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile-backend\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cluster4npu.backends]\nfragile = fragile_backend:Mine\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry._discover.cache_clear()
    yield
    registry._discover.cache_clear()


@pytest.mark.parametrize("times", [short(1), soak(100)])
def test_a_frame_that_kills_its_worker_is_set_aside_after_two_deaths(
    make_pipeline, tmp_path: Path, fragile, times: Rounds
):
    for turn in times:
        folder = tmp_path / f"images{turn}"
        folder.mkdir()
        for number in range(40):
            image = np.full((48, 64, 3), BRIGHT if number == 17 else DARK, np.uint8)
            ok, data = quiet_cv2().imencode(".png", image)
            assert ok
            (folder / f"{number}.png").write_bytes(data.tobytes())
        run_with_a_bad_frame(make_pipeline, folder, bad=17)
    note("a frame that kills its worker is set aside, all others are delivered in order", times)


def run_with_a_bad_frame(make_pipeline, folder: Path, bad: int) -> None:
    """Run over 40 frames and assert that all but the bad one are delivered, in order, after two deaths."""
    pipeline = make_pipeline("fragile:cpu", "fragile:cpu#2")
    source = pipeline.node("source").model_copy(
        update={"type": "image_folder", "params": {"path": str(folder)}}
    )
    config = pipeline.replace(nodes=(source, *(n for n in pipeline.nodes if n.id != "source")))
    ids, told = [], []
    with Engine(config, RunOptions(calibration="never", results=True)) as run:
        for event in run.events():
            if isinstance(event, ResultsReady):
                ids += [(r.frame_id, bool(r.error)) for r in event.results]
            elif isinstance(event, WorkerFailed):
                told.append(event)
        summary = run.wait()
    assert ids == [(number, number == bad) for number in range(40)]
    assert (summary.frames_out, summary.frames_failed, len(told)) == (39, 1, 2)
    assert f"frame {bad}" in summary.failures[0] and "2 workers" in summary.failures[0]


@pytest.mark.parametrize("seed", [7])
@pytest.mark.parametrize("rounds", [short(1), soak(100)])
def test_a_crash_loop_is_ended_and_the_run_goes_on_without_the_device(
    make_pipeline, rounds: Rounds, seed: int
):
    draw = random.Random(seed)
    for number in rounds:
        run_with_a_crash_loop(make_pipeline, die_at=draw.randint(1, PROGRESS_FRAMES) if number else 1)
    note("a crash loop is ended after five restarts, the run goes on", rounds)


def run_with_a_crash_loop(make_pipeline, die_at: int) -> None:
    """Run beside a device whose process dies at its n-th frame, until it is given up."""
    told, times = [], []
    options = RunOptions(calibration="never", in_flight=1)
    with Engine(make_pipeline(f"sim:bad?ms=1&die_at={die_at}", "sim:good?ms=5"), options) as run:
        for event in run.events():
            if isinstance(event, WorkerFailed):
                told.append(event)
                times.append(time.monotonic())
                if event.final:
                    run.stop(now=False)
        summary = run.wait()
    assert [e.final for e in told] == [False] * MOST_RESTARTS + [True]
    pauses = np.diff(times)  # ever longer, and a process's start on top; half of it for news that come late
    assert all(pause > FIRST_BACKOFF_S * 2**n / 2 for n, pause in enumerate(pauses[1:])), pauses
    assert [d.id for d in summary.devices if d.failed] == [d.id for d in summary.devices if "die_at" in d.id]
    assert summary.frames_in == summary.frames_out + summary.frames_failed + summary.frames_dropped


@pytest.mark.parametrize("times", [short(2), soak(200)])
def test_workers_leave_when_the_manager_is_killed_and_the_next_start_sweeps(
    make_pipeline, segments, times: Rounds
):
    pipeline, left_s = make_pipeline("sim:a?ms=5", "sim:b?ms=5"), []
    for _ in times:
        with Engine(pipeline, RunOptions(calibration="never")) as run:
            started = next(event for event in run.events() if isinstance(event, Started))
            workers = [psutil.Process(pid) for pid in started.processes[1:]]
            asked = time.monotonic()
            psutil.Process(started.processes[0]).kill()
            while not all(map(has_ended, workers)) and time.monotonic() - asked < 10:
                time.sleep(0.002)
            left_s.append(time.monotonic() - asked)
            with pytest.raises(RunFailed, match="ended from outside"):
                run.wait(60)
        shm.sweep()
        assert not [name for name in segments() if f"_{started.processes[0]:x}_" in name]
    show("workers gone after the manager was killed", left_s, times)
    assert max(left_s) < 1  # 500 ms, and room for a loaded machine


def has_ended(process: psutil.Process) -> bool:
    """Tell whether a process runs no more; one that nobody has asked for its exit code yet has ended too."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
