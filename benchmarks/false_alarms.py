"""How often a comparison of equal devices claims a difference, and how often one of 5% is found. SIMULATED devices.

python -m benchmarks.false_alarms [--planted] [--comparisons 100] [--leg-seconds 0.14]

Run it in pieces with `--first`: each comparison has a number, by which its interval is drawn. Each is five pairs of
legs on one held engine, A B B A, with the interval that a benchmark prints; those of a benchmark are 3 s long and more.
"""

from __future__ import annotations

import argparse

from benchmarks.common import machine, null_pipeline, tell
from cluster4npu import Engine, RunOptions
from cluster4npu.core.bench.legs import Leg, cut
from cluster4npu.core.bench.pool import make_benchmark_pool
from cluster4npu.core.bench.statistics import bootstrap_speedup
from cluster4npu.core.engine.engine import Run
from cluster4npu.core.engine.messages import Segment

PLANTED = 0.95  # the second device does so much of the first's frames/s
RAMP_S, PAIRS = 0.03, 5


def leg(run: Run, device: str, seconds: float) -> Leg:
    told = run.measure(Segment((device,), seconds=seconds + RAMP_S, window=6))
    assert told.summary.traces is not None
    return cut(told.summary.traces, RAMP_S)


def compared(run: Run, base: str, other: str, seed: int, seconds: float) -> tuple[float, float, float]:
    """Return the ratio of one comparison and its interval."""
    pairs = []
    for number in range(PAIRS):
        order = (base, other) if number % 2 == 0 else (other, base)
        first, second = leg(run, order[0], seconds), leg(run, order[1], seconds)
        pairs.append((first, second) if number % 2 == 0 else (second, first))
    found = bootstrap_speedup(pairs, seed, resamples=2000)
    return found.ratio, found.low, found.high


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--comparisons", type=int, default=100)
    parser.add_argument("--planted", action="store_true", help="with a second device that is 5% slower")
    parser.add_argument("--first", type=int, default=0, help="the number of the first comparison")
    parser.add_argument("--leg-seconds", type=float, default=0.14)
    parser.add_argument("--ms", type=float, default=4.0, help="what a frame takes on the first device")
    parser.add_argument("--jitter", type=float, default=0.1, help="part by which that varies")
    arguments = parser.parse_args()
    jitter, ms = arguments.jitter, arguments.ms
    pipeline = null_pipeline(
        f"sim:a?ms={ms:g}&jitter={jitter:g}", f"sim:b?ms={ms / PLANTED:.4f}&jitter={jitter:g}"
    )
    print(f"# {machine()}; SIMULATED devices")
    devices = make_benchmark_pool(pipeline).together
    options = RunOptions(devices=devices, hold=True, traces=True, loop=True, calibration="never")
    other = devices[1] if arguments.planted else devices[0]
    ratios, widths, told = [], [], 0
    with Engine(pipeline, options) as run:
        for number in range(arguments.first, arguments.first + arguments.comparisons):
            ratio, low, high = compared(run, devices[0], other, number, arguments.leg_seconds)
            ratios.append(ratio)
            widths.append(high - low)
            told += high < 1.0 if arguments.planted else not low <= 1.0 <= high
            print(f"# comparison {number}: {ratio:.4f}, {low:.4f} to {high:.4f}; {told} told", flush=True)
    share, mean = told / arguments.comparisons, sum(ratios) / len(ratios)
    more = {
        "comparisons": arguments.comparisons,
        "told": told,
        "mean_ratio": round(mean, 4),
        "mean_interval": round(sum(widths) / len(widths), 4),
        "leg_s": arguments.leg_seconds,
        "simulated": True,
    }
    if arguments.planted:
        return 0 if tell("a planted slowdown of 5% is found", share, 0.90, **more) else 1
    return 0 if tell("comparisons of equals without a false alarm", 1 - share, 0.95, **more) else 1


if __name__ == "__main__":
    raise SystemExit(main())
