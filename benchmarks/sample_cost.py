"""What it costs a run to keep and store every frame's stamps. SIMULATED devices.

python -m benchmarks.sample_cost [--engines 4] [--pairs 12] [--seconds 1]

Two engines stay loaded side by side, one that keeps stamps and one that does not, and are measured in turns, A B B A,
while the other waits. So a pair's two legs lie within two seconds, and nothing is started between them. Engines are
begun anew several times, since each has its own luck with memory and cores; the interval is of the engines' means.
It is told for devices of 2 ms, where these bound the rate as in a real run, and for one that takes no time, where
whatever the engine does more is paid at once. Beside the rate stands the processor time of the manager for each frame,
which keeps the stamps: it tells a cost that the rate hides. What saving takes is measured by itself.
"""

from __future__ import annotations

import argparse
import math
import statistics as st
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil

from benchmarks.common import machine, median, null_pipeline, tell, tell_at_most
from cluster4npu import Engine, PipelineConfig, RunOptions, Segment
from cluster4npu.core.bench.pool import make_benchmark_pool
from cluster4npu.core.bench.statistics import student_t
from cluster4npu.core.engine.engine import Run
from cluster4npu.core.metrics.meter import TraceLog
from cluster4npu.core.metrics.traces import FRAME_TRACE
from cluster4npu.core.store import PipelineRecord, RunRecord, SegmentRecord, Store

PORTION, PORTIONS = (
    250,
    400,
)  # rows that the engine keeps at once: those of a quarter second at 1,000 frames/s


def leg(run: Run, devices: tuple[str, ...], seconds: float) -> tuple[float, float]:
    """Return the rate of one leg, and the manager's processor time for each frame in µs."""
    manager = psutil.Process(run._process.pid)
    before = manager.cpu_times()
    summary = run.measure(Segment(devices, seconds=seconds)).summary
    after = manager.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return summary.fps, spent * 1e6 / max(summary.frames_out, 1)


def turns(pipeline: PipelineConfig, pairs: int, seconds: float) -> tuple[list[float], list[float], float]:
    """Return of one couple of engines the log ratios of the rates, the µs a frame that stamps add, and the rate."""
    devices = make_benchmark_pool(pipeline).together
    with ExitStack() as both:
        runs = {
            traces: both.enter_context(
                Engine(pipeline, RunOptions(devices=devices, hold=True, traces=traces, calibration="never"))
            )
            for traces in (False, True)
        }
        for run in runs.values():
            leg(run, devices, seconds)  # every slot's memory touched once
        ratios, added, rates = [], [], []
        for number in range(pairs):
            order = (False, True) if number % 2 == 0 else (True, False)
            found = {traces: leg(runs[traces], devices, seconds) for traces in order}
            ratios.append(math.log(found[True][0] / found[False][0]))
            added.append(found[True][1] - found[False][1])
            rates.append(found[False][0])
    return ratios, added, median(rates)


def cost(what: str, pipeline: PipelineConfig, asked: argparse.Namespace, reach: float) -> tuple[bool, float]:
    """Print the rate with stamps over the rate without; return whether it is reached, and the rate without."""
    means, added, rates = [], [], []
    for _ in range(asked.engines):
        ratios, more_us, rate = turns(pipeline, asked.pairs, asked.seconds)
        means.append(st.fmean(ratios))
        added.append(st.fmean(more_us))
        rates.append(rate)
    half = student_t(len(means) - 1) * st.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else math.nan
    middle = st.fmean(means)
    more = {
        "low": round(math.exp(middle - half), 4), "high": round(math.exp(middle + half), 4),
        "engines": [round(math.exp(mean), 4) for mean in means], "frames_per_s": round(median(rates), 1),
        "manager_us_more_a_frame": round(st.fmean(added), 2), "simulated": True,
    }  # fmt: skip
    figure = f"frames/s with every stamp kept, of those without: {what}"
    return tell(figure, math.exp(middle), reach, **more), median(rates)


def alone(fps: float) -> bool:
    """Print what keeping, joining and saving take of a run at this rate, were all of it in the engine's way."""
    portions = [np.zeros(PORTION, dtype=FRAME_TRACE) for _ in range(PORTIONS)]
    for number, rows in enumerate(portions):
        for name in FRAME_TRACE.names or ():
            rows[name] = np.arange(len(rows)) + number * len(rows)
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "stamps.duckdb")
        with store:
            for _ in range(5):
                begin, log = time.perf_counter(), TraceLog()
                for rows in portions:
                    log.append(rows.copy())
                segment = SegmentRecord("run", "run", (), (), log.array())
                kept = time.perf_counter()
                store.save(RunRecord("run", PipelineRecord("d", "x", "{}"), (), segments=(segment,)))
                taken.append((kept - begin, time.perf_counter() - kept))
    frames = PORTION * PORTIONS
    keep, save = (median([turn[place] for turn in taken]) / frames for place in (0, 1))
    more = {"keep_us": round(keep * 1e6, 3), "save_us": round(save * 1e6, 3), "frames": frames}
    figure = f"part of a run's time at {fps:.0f} frames/s that keeping and saving stamps take"
    return tell_at_most(figure, (keep + save) * fps, 0.01, **more)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engines", type=int, default=4, help="couples of engines, begun anew")
    parser.add_argument("--pairs", type=int, default=12, help="of legs on each")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a leg")
    asked = parser.parse_args()
    print(f"# {machine()}; SIMULATED devices")
    slow = null_pipeline("sim:a?ms=2", "sim:b?ms=2", height=64, width=64)
    fast = null_pipeline("sim:a?ms=0", height=64, width=64)
    reached, fps = cost("devices of 2 ms", slow, asked, 0.99)
    done = [reached, alone(fps), cost("a device of no time", fast, asked, 0.0)[0]]
    return 0 if all(done) else 1


if __name__ == "__main__":
    raise SystemExit(main())
