"""Three simulated devices (20, 50 and 100 ms) against their summed rate of 80 frames/s, under every policy.

    python -m benchmarks.simulated_sum [--frames 800] [--runs 1] [--policy adaptive ...]

With several runs the medians are told, and how far the runs are apart.
"""

from __future__ import annotations

import argparse

from benchmarks.common import machine, median, null_pipeline, run, tell, tell_at_most
from cluster4npu import RunOptions
from cluster4npu.core.scheduling import policy_types

SUMMED_RATE = 1000 / 20 + 1000 / 50 + 1000 / 100
REACH = 79.0 / SUMMED_RATE
SPREAD = 0.01  # largest less smallest, of the median


def measure(policy: str, frames: int, runs: int) -> bool:
    """Tell one policy's figures; return whether they are reached."""
    pipeline = null_pipeline("sim:ane", "sim:gpu", "sim:cpu")
    summaries = [run(pipeline, RunOptions(frames=frames, policy=policy)) for _ in range(runs)]
    fps = [summary.fps for summary in summaries]
    shares = {d.id: d.frames for d in summaries[-1].devices}
    ratio = median(fps) / SUMMED_RATE
    rates = [round(rate, 2) for rate in fps]
    reached = tell(f"sum of devices, {policy}", ratio, REACH, fps=rates, frames=shares, simulated=True)
    if runs > 1:
        spread = (max(fps) - min(fps)) / median(fps)
        reached &= tell_at_most(f"spread of {runs} runs, {policy}", spread, SPREAD, simulated=True)
    return reached


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=800)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--policy", nargs="*", default=sorted(policy_types()))
    given = parser.parse_args()
    print(f"# {machine()}; SIMULATED devices")
    reached = [measure(policy, given.frames, given.runs) for policy in given.policy]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
