"""What it costs a run to keep every frame's stamps. SIMULATED devices.

python -m benchmarks.sample_cost [--pairs 6]

Runs with and without stamps take turns (A B B A): on devices of 2 ms, where these bound the rate as in a real run,
and on one that takes no time at all, where whatever the engine does more is paid at once.
"""

from __future__ import annotations

import argparse

from benchmarks.common import machine, median, null_pipeline, run, tell
from cluster4npu import PipelineConfig, RunOptions


def cost(what: str, pipeline: PipelineConfig, frames: int, pairs: int, reach: float) -> bool:
    """Print the rate with stamps over the rate without."""
    ratios, rates = [], []
    for number in range(pairs):
        order = (False, True) if number % 2 == 0 else (True, False)
        found = {
            traces: run(pipeline, RunOptions(frames=frames, traces=traces, calibration="never")).fps
            for traces in order
        }
        ratios.append(found[True] / found[False])
        rates.append(found[False])
    return tell(f"frames/s with every stamp kept, of those without: {what}", median(ratios), reach,
                frames_per_s=round(median(rates), 1), pairs=[round(r, 4) for r in ratios], simulated=True)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=6)
    pairs = parser.parse_args().pairs
    print(f"# {machine()}; SIMULATED devices")
    slow = null_pipeline("sim:a?ms=2", "sim:b?ms=2", height=64, width=64)
    fast = null_pipeline("sim:a?ms=0", height=64, width=64)
    done = [cost("devices of 2 ms", slow, 3000, pairs, 0.99),
            cost("a device of no time", fast, 15_000, pairs, 0.0)]  # fmt: skip
    return 0 if all(done) else 1


if __name__ == "__main__":
    raise SystemExit(main())
