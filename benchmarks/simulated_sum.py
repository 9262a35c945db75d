"""Three simulated devices (20, 50 and 100 ms) against their summed rate of 80 frames/s, under every policy.

python -m benchmarks.simulated_sum [--frames 800]
"""

from __future__ import annotations

import argparse

from benchmarks.common import machine, null_pipeline, run, tell
from cluster4npu import RunOptions
from cluster4npu.core.scheduling import policy_types

SUMMED_RATE = 1000 / 20 + 1000 / 50 + 1000 / 100
REACH = 0.97


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=800)
    frames = parser.parse_args().frames
    print(f"# {machine()}; SIMULATED devices")
    reached = []
    for policy in sorted(policy_types()):
        pipeline = null_pipeline("sim:ane", "sim:gpu", "sim:cpu")
        summary = run(pipeline, RunOptions(frames=frames, policy=policy))
        shares = {d.id: d.frames for d in summary.devices}
        ratio = summary.fps / SUMMED_RATE
        reached.append(
            tell(
                f"sum of devices, {policy}",
                ratio,
                REACH,
                fps=round(summary.fps, 2),
                frames=shares,
                simulated=True,
            )
        )
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
