"""Percentiles equal numpy's and keep their sample floors; the meter counts exactly."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cluster4npu.core.metrics.meter import HostMeter, Meter, TraceLog
from cluster4npu.core.metrics.samples import Samples
from cluster4npu.core.metrics.statistics import SAMPLE_FLOOR, LatencyStats
from cluster4npu.core.metrics.traces import (
    FRAME_TRACE,
    STATUS_DELIVERED,
    STATUS_FAILED,
    latency_ms,
    pack_row,
    service_ms,
)


@given(hnp.arrays(np.float64, st.integers(662, 720), elements=st.floats(0, 1e6), fill=st.floats(0, 1e6)))
def test_percentiles_equal_numpys(samples):
    stats = LatencyStats.of(samples)
    assert stats.mean == pytest.approx(np.mean(samples))
    for rank in SAMPLE_FLOOR:
        assert getattr(stats, f"p{rank}") == np.percentile(samples, rank)


@pytest.mark.parametrize(("rank", "floor"), SAMPLE_FLOOR.items())
def test_a_percentile_below_its_floor_is_not_reported(rank, floor):
    assert getattr(LatencyStats.of([1.0] * (floor - 1)), f"p{rank}") is None
    assert getattr(LatencyStats.of([1.0] * floor), f"p{rank}") == 1.0


def test_no_samples_means_not_reported():
    assert LatencyStats.of([]).as_dict() == dict.fromkeys(["mean", "p50", "p90", "p95", "p99"])


def test_trace_log_keeps_every_row_over_its_chunks():
    log = TraceLog()
    assert len(log.array()) == 0
    for start in range(0, 10_000, 1000):
        rows = np.zeros(1000, FRAME_TRACE)
        rows["frame_id"] = np.arange(start, start + 1000)
        log.append(rows)
    assert (log.array()["frame_id"] == np.arange(10_000)).all()


def test_latencies_leave_failed_frames_out():
    traces = np.zeros(3, FRAME_TRACE)
    traces["status"] = [STATUS_DELIVERED, STATUS_FAILED, STATUS_DELIVERED]
    traces["scheduled_ns"], traces["delivered_ns"] = 1_000_000, [3_000_000, 9_000_000, 5_000_000]
    traces["started_ns"] = [1_500_000, 1_500_000, 2_000_000]
    traces["finished_ns"] = [2_000_000, 2_000_000, 3_000_000]
    assert latency_ms(traces).tolist() == [2.0, 4.0]
    assert service_ms(traces).tolist() == [0.5, 1.0]


def test_meter_counts_devices_and_periods():
    meter = Meter(2, traces=True)
    meter.finished(1, 1, 4_000_000)
    stamps = 0, 0, 0, 2_000_000, 5_000_000, 6_000_000, 10_000_000
    meter.ended([pack_row(7, 1, STATUS_DELIVERED, *stamps)])
    meter.ended([pack_row(8, 0, STATUS_FAILED, 0, 0, 0, 0, 0, 0, 11_000_000)])
    period = meter.period()
    assert period.fps > 0 and period.latency_mean_ms == 10.0
    assert meter.period().latency_mean_ms is None
    assert meter.devices[1].frames == 1 and meter.service(1).mean == pytest.approx(4.0)
    assert meter.out == 1 and meter.failed == 1 and meter.latency().n == 1
    assert meter.traces is not None and meter.traces.array()["inferred_ns"].tolist() == [5_000_000, 0]


def test_more_frames_than_a_chunk_are_all_counted():
    meter = Meter(1, traces=True)
    for i in range(10_000):
        meter.ended([pack_row(i, 0, STATUS_DELIVERED, 0, 0, 0, 0, 0, 1_000_000, 2_000_000)])
    assert meter.latency().n == meter.devices[0].frames == meter.out == 10_000
    assert meter.traces is not None and (meter.traces.array()["frame_id"] == np.arange(10_000)).all()


def test_samples_beyond_the_exact_ones_keep_their_percentiles_in_bounded_memory():
    values = np.random.default_rng(0).lognormal(2.0, 1.0, 300_000)
    samples = Samples()
    for part in np.split(values, 100):
        samples.add(part)
    told, exact = samples.stats().as_dict(), LatencyStats.of(values).as_dict()
    assert told == pytest.approx(exact, rel=0.003)
    assert samples.stats().n == 300_000


def test_a_log_of_stamps_keeps_the_newest_and_lets_go_of_the_rest():
    log = TraceLog(most=10)
    for chunk in range(6):
        rows = np.zeros(4, FRAME_TRACE)
        rows["frame_id"] = np.arange(4) + 4 * chunk
        log.append(rows)
    assert log.array()["frame_id"].tolist() == list(range(12, 24)) and log.left_out == 12
    assert log.chunks == 6
    assert log.since(5, 100)["frame_id"].tolist() == [20, 21, 22, 23]
    assert log.since(0, 5)["frame_id"].tolist() == [19, 20, 21, 22, 23]
    assert log.since(0, 100)["frame_id"].tolist() == list(range(12, 24))
    assert log.since(6, 100).size == 0


def test_the_highest_memory_of_a_process_is_found():
    """200 MB that another process takes are 200 MB of the peak, within 10, after they are given back too."""
    program = (
        "import sys\nfor line in sys.stdin:\n    held = b'1' * int(line)\n    print(len(held), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        seen = []
        for size in (1, 200_000_000, 1):
            child.stdin.write(f"{size}\n")
            child.stdin.flush()
            assert child.stdout.readline().strip() == str(size)
            meter = HostMeter()  # looks at once, where one that goes on waits a second
            meter.peak_bytes = seen[-1] if seen else None
            meter.update([child.pid])
            seen.append(meter.peak_bytes)
        child.stdin.close()
    assert seen[1] - seen[0] == pytest.approx(200e6, abs=10e6)
    assert seen[2] == seen[1]
