"""How often a benchmark of equal devices claims a difference, and how often one of 5% is found. SIMULATED devices.

python -m benchmarks.false_alarms [--planted] [--comparisons 100] [--side-by-side 8] [--profile quick]

Each comparison is measured and judged as `cluster4npu benchmark --devices sim:b --against sim:a` does it: warm-up, each
device alone, five pairs of legs, A B B A, at the profile's lengths, and its interval and verdict. Only the engines stay
loaded from one to the next. Simulated devices wait instead of computing, so several comparisons run side by side: first
all engines are loaded, they begin at different times, so that what disturbs the machine does not meet all of them on
the same side, and intervals are computed when nothing is measured any more.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from benchmarks.common import machine, null_pipeline, tell
from cluster4npu.core.bench.options import PROFILES, BenchmarkOptions
from cluster4npu.core.bench.pool import make_benchmark_pool
from cluster4npu.core.bench.progress import Tracker
from cluster4npu.core.bench.result import FASTER, SLOWER, BenchmarkResult
from cluster4npu.core.bench.session import open_session
from cluster4npu.core.bench.steps import measure_sides
from cluster4npu.core.bench.verdict import make_result

PLANTED = 0.95  # the second device does so much of the first's frames/s
LOAD_S = 180.0
Judge = Callable[[], BenchmarkResult]


def lane(
    numbers: list[int], options: BenchmarkOptions, late_s: float, loaded: threading.Barrier
) -> list[Judge]:
    """Measure these comparisons one after the other on one engine, from `late_s` on; return what judges each."""
    assert options.devices and options.against
    pipeline = null_pipeline(*options.devices)
    pool = make_benchmark_pool(pipeline, devices=options.devices, against=options.against)
    judges: list[Judge] = []
    with open_session(pipeline, pool, options, Tracker(1.0, lambda _: None), lambda: False) as session:
        session.measure("warm-up", pool.together, 0.2)
        loaded.wait(LOAD_S)
        time.sleep(late_s)
        for number in numbers:
            mine = replace(session, options=replace(options, seed=number), segments=[])
            judges.append(partial(make_result, "null", mine, measure_sides(mine), ()))
            print(f"# comparison {number} is measured", flush=True)
        loaded.wait()  # nobody leaves while others measure
    return judges


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--comparisons", type=int, default=100)
    parser.add_argument("--planted", action="store_true", help="with a second device that is 5%% slower")
    parser.add_argument("--first", type=int, default=0, help="the number of the first comparison")
    parser.add_argument(
        "--side-by-side", type=int, default=8, metavar="N", help="comparisons at the same time"
    )
    parser.add_argument("--profile", choices=list(PROFILES), default="quick")
    parser.add_argument("--ms", type=float, default=10.0, help="what a frame takes on the first device")
    parser.add_argument("--jitter", type=float, default=0.1, help="part by which that varies")
    asked = parser.parse_args()
    other_ms = asked.ms / PLANTED if asked.planted else asked.ms
    lanes = min(asked.side_by_side, asked.comparisons)
    print(f"# {machine()}; SIMULATED devices; {lanes} comparisons side by side; load {os.getloadavg()[0]:.1f}"
          if hasattr(os, "getloadavg") else f"# {machine()}; SIMULATED devices; {lanes} side by side")  # fmt: skip
    barrier, work = threading.Barrier(lanes), []
    with ThreadPoolExecutor(lanes) as threads:
        for at in range(lanes):
            base, other = (
                f"sim:{name}?ms={ms:.4f}&jitter={asked.jitter:g}&seed={asked.first + at}"
                for name, ms in (("a", asked.ms), ("b", other_ms))
            )
            options = BenchmarkOptions(profile=asked.profile, devices=(other,), against=base)
            numbers = list(range(asked.first + at, asked.first + asked.comparisons, lanes))
            late_s = (
                2 * PROFILES[asked.profile].leg_s * at / lanes
            )  # not all on the same side at the same time
            work.append(threads.submit(lane, numbers, options, late_s, barrier))
        found = [judge() for one in work for judge in one.result()]
    return report(found, asked)


def report(found: list[BenchmarkResult], asked: argparse.Namespace) -> int:
    """Print each comparison, and how many claim what they should."""
    told, ratios, widths, unstable = 0, [], [], 0
    for result in sorted(found, key=lambda result: result.seed):
        assert result.speedup is not None, result.invalid_reason
        ratio, low, high = result.speedup.ratio, result.speedup.low, result.speedup.high
        told += result.speedup.verdict in ((SLOWER,) if asked.planted else (SLOWER, FASTER))
        unstable += not result.valid
        ratios.append(ratio)
        widths.append(high - low)
        print(f"# comparison {result.seed}: {ratio:.4f}, {low:.4f} to {high:.4f}; {result.headline()}")
    more = {
        "comparisons": len(found), "told": told, "invalid": unstable, "mean_ratio": round(sum(ratios) / len(ratios), 4),
        "mean_interval": round(sum(widths) / len(widths), 4), "leg_s": PROFILES[asked.profile].leg_s,
        "side_by_side": asked.side_by_side, "simulated": True,
    }  # fmt: skip
    share = told / len(found)
    if asked.planted:
        return 0 if tell("a planted slowdown of 5% is found", share, 0.90, **more) else 1
    return 0 if tell("comparisons of equals without a false alarm", 1 - share, 0.95, **more) else 1


if __name__ == "__main__":
    raise SystemExit(main())
