"""A worker stands still for 500 ms in a run at a fixed rate: whether p99 says so. Injected delays. SIMULATED devices.

python -m benchmarks.stall

Frames that were due during the stall count from the moment at which they were due, so that p99 must be what
arithmetic says: of N frames the N/100-th worst.
"""

from __future__ import annotations

import argparse
import threading
import time

import numpy as np
import psutil

from benchmarks.common import machine, null_pipeline, tell
from cluster4npu import Engine, RunOptions
from cluster4npu.core.bench.load import judge
from cluster4npu.core.bench.pool import make_benchmark_pool
from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.engine.messages import Segment
from cluster4npu.core.metrics.traces import latency_ms, service_ms

RATE, SECONDS, STALL_S = 100.0, 20.0, 0.5
DELAYS_MS = (5.0, 20.0, 50.0, 100.0)


def stand_still(pid: int, after_s: float, told: list[float]) -> None:
    """Suspend a process for STALL_S; note how long it was."""
    time.sleep(after_s)
    process = psutil.Process(pid)
    begin = time.monotonic()
    process.suspend()
    time.sleep(STALL_S)
    process.resume()
    told.append(time.monotonic() - begin)


def expected_p99_ms(stall_s: float, service_s: float, count: int, base_ms: float) -> float:
    """Return p99 of `count` frames at RATE; those that came in a stall are served one after the other after it."""
    waits = []
    free, due = stall_s, 0.0
    while due < free:
        free = max(free, due) + service_s
        waits.append((free - due) * 1e3)
        due += 1 / RATE
    values = np.concatenate([np.array(waits), np.full(count - len(waits), base_ms)])
    return float(np.percentile(values, 99, method="higher"))


def stalled() -> bool:
    device = "sim:a?ms=2"
    options = RunOptions(hold=True, traces=True, loop=True, calibration="never")
    told: list[float] = []
    with Engine(null_pipeline(device, height=32, width=32), options) as run:
        quiet = run.measure(Segment((run_device := _settled(device),), seconds=2.0, arrivals=Arrivals(RATE)))
        assert run.started is not None and quiet.summary.traces is not None
        thread = threading.Thread(target=stand_still, args=(run.started.processes[1], SECONDS / 2, told))
        thread.start()
        traces = run.measure(Segment((run_device,), seconds=SECONDS, arrivals=Arrivals(RATE))).summary.traces
        thread.join()
    assert traces is not None
    trial = judge(traces, Arrivals(RATE), 0.0, SECONDS, 1000.0).as_dict()
    base_ms = float(np.median(latency_ms(quiet.summary.traces)))
    service_s = float(np.median(service_ms(quiet.summary.traces))) / 1e3
    expected = expected_p99_ms(told[0], service_s, trial["due"], base_ms)
    error = abs(trial["p99_ms"] / expected - 1)
    return tell("p99 with a stall, of what arithmetic says", 1 - error, 0.95, p99_ms=round(trial["p99_ms"], 1),
                expected_ms=round(expected, 1), stall_ms=round(told[0] * 1e3, 1), simulated=True)  # fmt: skip


def delays() -> bool:
    """Measure what simulated devices of known delays take."""
    worst = 0.0
    found = {}
    for delay in DELAYS_MS:
        device = f"sim:a?ms={delay:g}"
        options = RunOptions(hold=True, traces=True, loop=True, calibration="never")
        with Engine(null_pipeline(device, height=32, width=32), options) as run:
            traces = run.measure(Segment((_settled(device),), seconds=2.5, window=6)).summary.traces
        assert traces is not None
        found[f"{delay:g} ms"] = round(float(service_ms(traces).mean()), 2)
        worst = max(worst, abs(found[f"{delay:g} ms"] / delay - 1))
    return tell("injected delays recovered", 1 - worst, 0.95, found_ms=found, simulated=True)


def _settled(device: str) -> str:
    return make_benchmark_pool(null_pipeline(device)).together[0]


def main() -> int:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print(f"# {machine()}; SIMULATED devices")
    return 0 if all([delays(), stalled()]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
