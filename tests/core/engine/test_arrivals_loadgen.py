"""Our server arrivals beside those of MLPerf LoadGen, where that package is installed."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.engine.arrivals import POISSON, Arrivals

loadgen = pytest.importorskip("mlperf_loadgen", reason="mlcommons-loadgen is not installed here")

RATE, COUNT = 300.0, 500


def issued_by_loadgen(folder: Path) -> np.ndarray:
    """Return the gaps (s) between the queries of a server run that answers each of them at once."""
    times: list[int] = []
    lock = threading.Lock()

    def issue(samples: list[object]) -> None:
        with lock:
            times.extend(time.monotonic_ns() for _ in samples)
        loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(s.id, 0, 0) for s in samples])  # type: ignore[attr-defined]

    settings = loadgen.TestSettings()
    settings.scenario = loadgen.TestScenario.Server
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.server_target_qps = RATE
    settings.server_target_latency_ns = 100_000_000
    settings.min_query_count = settings.max_query_count = COUNT
    settings.min_duration_ms = 0
    outputs, logs = loadgen.LogOutputSettings(), loadgen.LogSettings()
    outputs.outdir, outputs.copy_detail_to_stdout, outputs.copy_summary_to_stdout = str(folder), False, False
    logs.log_output = outputs
    sut = loadgen.ConstructSUT(issue, lambda: None)
    samples = loadgen.ConstructQSL(1024, 1024, lambda _: None, lambda _: None)
    try:
        loadgen.StartTestWithLogSettings(sut, samples, settings, logs)
    finally:
        loadgen.DestroyQSL(samples)
        loadgen.DestroySUT(sut)
    return np.diff(np.array(times)) / 1e9


def test_gaps_are_distributed_as_those_of_loadgen(tmp_path: Path) -> None:
    """Kolmogorov-Smirnov: LoadGen's issue times carry this machine's noise, so the bound is wide."""
    theirs = issued_by_loadgen(tmp_path)
    ours = np.diff(Arrivals(RATE, POISSON, seed=7).schedule().until(20 * COUNT / RATE))
    assert len(theirs) == COUNT - 1
    assert theirs.mean() == pytest.approx(1 / RATE, rel=0.1)
    at = np.sort(np.concatenate([ours, theirs]))
    distance = np.abs(
        np.searchsorted(np.sort(ours), at, side="right") / len(ours)
        - np.searchsorted(np.sort(theirs), at, side="right") / len(theirs)
    ).max()
    even = np.abs(np.searchsorted(np.sort(theirs), at, side="right") / len(theirs) - (at >= 1 / RATE)).max()
    assert distance < 0.12
    assert even > 0.4  # equal gaps are told apart from them
