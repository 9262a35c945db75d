"""A run that goes on for an hour, or for the minutes that are given: memory, threads and files do not grow."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import psutil
import pytest

from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import MetricsUpdated, RunOptions
from tests.distribution import Rounds, note, short, soak

EVERY_S = 0.5
WARM = 0.25  # of the samples, in which buffers fill: they do not count
MOST_MB_AN_HOUR = 1.0
LONG_S = 600  # before that a slope says nothing


def private_bytes(pids) -> int:
    """Return the memory that these processes share with nobody."""
    found = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            found += psutil.Process(pid).memory_full_info().uss
    return found


@pytest.mark.parametrize("seconds", [short(3), soak(3600)])
def test_nothing_grows_while_a_run_goes_on(make_pipeline, segments, seconds: Rounds):
    options = RunOptions(calibration="never", target_fps=500, traces=True)
    samples, begun, next_s = [], time.monotonic(), 0.0
    with Engine(make_pipeline("sim:a?ms=1", "sim:b?ms=1"), options) as run:
        for event in run.events():
            now = time.monotonic() - begun
            if not isinstance(event, MetricsUpdated) or now < next_s:
                continue
            next_s, seconds.done = now + EVERY_S, int(now)
            manager = psutil.Process(run.started.processes[0])
            files = manager.num_fds() if hasattr(manager, "num_fds") else manager.num_handles()
            memory = private_bytes(run.started.processes)
            samples.append((now, memory / 2**20, files, manager.num_threads(), len(segments())))
            if not seconds.going():
                break
        run.stop(now=False)
        assert run.wait().frames_failed == 0
    counted = np.array(samples)[int(len(samples) * WARM) :]
    assert np.ptp(counted[:, 2:], axis=0).max() <= 2  # a process that stands by comes late
    if counted[-1, 0] > LONG_S:
        slope = np.polyfit(counted[:, 0], counted[:, 1], 1)[0] * 3600
        note(f"memory of manager and workers while a run goes on: {slope:+.2f} MB an hour", seconds)
        assert slope <= MOST_MB_AN_HOUR
