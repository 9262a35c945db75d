"""Workers killed, stopped and hung at random while a real model computes: nothing lost, doubled, mixed up or left.

Each has a short form, and a long one under `make soak`. The seed is in the test's name.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from onnx import TensorProto, helper

from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import ResultsReady, RunOptions, Started, WorkerBack, WorkerFailed
from cluster4npu.core.pipeline.config import EdgeConfig, PipelineConfig
from tests.distribution import show, soak

SIZE = 32


@pytest.fixture(scope="module")
def mean_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model whose output tells frames apart: the mean of each half of each colour."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])
    means = helper.make_tensor_value_info("means", TensorProto.FLOAT, [1, 3, 2, 2])
    pool = helper.make_node("AveragePool", ["image"], ["means"], kernel_shape=[16, 16], strides=[16, 16])
    model = helper.make_model(
        helper.make_graph([pool], "means", [image], [means]), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    path = tmp_path_factory.mktemp("model") / "means.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def computing(make_pipeline, mean_model) -> PipelineConfig:
    """Return a pipeline whose results depend on the pixels of their frame."""
    config = make_pipeline(
        "onnx:cpu?threads=1", "onnx:cpu?threads=1#2", model=str(mean_model), width=SIZE, height=SIZE
    )
    assert EdgeConfig(source="inference.outputs", target="preview.result") in config.edges
    return config


def means(results) -> np.ndarray:
    """Return frame id and the twelve means of each result."""
    return np.array([[r.frame_id, *r.values["inference.outputs"].arrays[0].reshape(-1)] for r in results])


def reference(config: PipelineConfig, frames: int) -> np.ndarray:
    """Return what an undisturbed run on one worker gives."""
    options = RunOptions(devices=("onnx:cpu?threads=1",), frames=frames, results=True)
    with Engine(config, options) as run:
        return means(run.results())


def disturb(config: PipelineConfig, options: RunOptions, hit, times: int, pause_s: float, deaths: int = 1):
    """Run, calling `hit(pids of living workers)` again and again; return results, summary and what was told.

    The run ends when all `deaths` of each hit have been told.
    """
    results, told, next_hit, left, hit_s, back_s = [], [], 0.0, times, 0.0, []
    with Engine(config, options) as run:
        while not run.finished:
            for event in run.poll():
                if isinstance(event, ResultsReady):
                    results += event.results
                elif isinstance(event, WorkerFailed):
                    told.append(event)
                elif isinstance(event, WorkerBack):
                    back_s.append(time.monotonic() - hit_s)
                elif isinstance(event, Started):
                    manager = psutil.Process(event.processes[0])
                    next_hit = time.monotonic() + pause_s
            if left > 0 and next_hit and time.monotonic() > next_hit:
                before = time.monotonic()
                if hit(living_workers(manager)):
                    left, hit_s = left - 1, before
                next_hit = time.monotonic() + pause_s
            if left == 0 and len(told) >= times * deaths:  # noticed, and not only done
                left = -1
                run.stop(now=False)
            time.sleep(0.002)
        show("back after the fault", back_s)
        return results, run.wait(), told


def living_workers(manager: psutil.Process) -> list[int]:
    """Return the pids of the manager's workers (it has helper processes of multiprocessing too)."""
    pids = []
    for child in manager.children():
        with contextlib.suppress(psutil.Error):  # gone, or a zombie for a moment
            if "spawn_main" in " ".join(child.cmdline()):
                pids.append(child.pid)
    return pids


def check(config: PipelineConfig, results, summary) -> None:
    """Assert that every frame came once, in order, and with its own answer."""
    frames = summary.frames_in
    assert summary.frames_out == frames == len(results)
    assert summary.out_of_order == 0 and summary.frames_failed == 0 == summary.frames_dropped
    got = means(results)
    assert (got[:, 0] == np.arange(frames)).all()
    period = reference(config, min(frames, 4096))
    np.testing.assert_allclose(got[: len(period), 1:], period[:, 1:], rtol=0, atol=1e-5)


KILLS = [5, soak(1000)]


@pytest.mark.parametrize("seed", [7])
@pytest.mark.parametrize("kills", KILLS)
def test_random_workers_killed_again_and_again(computing, kills, seed):
    draw = random.Random(seed)

    def kill_one(pids: list[int]) -> int:
        if len(pids) < 2:
            return 0  # wait until both are there again
        psutil.Process(draw.choice(pids)).kill()
        return 1

    options = RunOptions(calibration="never", results=True, target_fps=400)
    results, summary, told = disturb(computing, options, kill_one, kills, 0.7)
    check(computing, results, summary)
    assert summary.restarts == kills == len(told)


@pytest.mark.parametrize("kills", [2, soak(200)])
def test_all_workers_killed_at_once(computing, kills):
    def kill_all(pids: list[int]) -> int:
        if len(pids) < 2:
            return 0
        for pid in pids:
            psutil.Process(pid).kill()
        return 1

    options = RunOptions(calibration="never", results=True, target_fps=400)
    results, summary, told = disturb(computing, options, kill_all, kills, 1.0, deaths=2)
    check(computing, results, summary)
    assert len(told) == 2 * kills


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is POSIX")
@pytest.mark.parametrize("stops", [1, soak(100)])
def test_a_stopped_worker_is_replaced_and_never_heard_again(computing, stops):
    def stop_one(pids: list[int]) -> int:
        if len(pids) < 2:
            return 0
        os.kill(pids[0], signal.SIGSTOP)
        return 1

    options = RunOptions(calibration="never", results=True, target_fps=200, frame_timeout_s=0.5)
    results, summary, told = disturb(computing, options, stop_one, stops, 1.5)
    check(computing, results, summary)
    assert [("no progress" in e.reason) for e in told] == [True] * stops


@pytest.mark.parametrize("cycles", [12, soak(10_000, hours=10)])
def test_starting_and_stopping_leaves_nothing_open(make_pipeline, cycles):
    process = psutil.Process()
    count = process.num_fds if hasattr(process, "num_fds") else process.num_handles
    pipeline = make_pipeline("sim:a?ms=1")
    for cycle in range(cycles + 1):
        with Engine(pipeline, RunOptions(frames=5, calibration="never")) as run:
            run.wait(30)
        if cycle == 0:
            before, threads = count(), process.num_threads()  # the first one may open what all share
    assert count() <= before
    assert process.num_threads() <= threads
