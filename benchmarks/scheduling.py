"""Every policy where it gets difficult: many devices, a very slow one, one that is slower than it was measured.

    python -m benchmarks.scheduling [--seconds 10] [--policy adaptive ...]

SIMULATED devices; each figure is the share of the rate that is possible. What is to be reached is asked of the policy
`adaptive`; the others are shown beside it.
"""

from __future__ import annotations

import argparse

from benchmarks.common import machine, null_pipeline, tell
from cluster4npu import Engine, RunOptions
from cluster4npu.core.scheduling import policy_types

# name: devices, the rate that is possible, what is to be reached. A drift begins after calibration (about 25 frames).
CASES = {
    "eight devices of 10 ms": ([f"sim:d?ms=10#{n}" for n in range(1, 9)], 800.0, 0.98),
    "20 ms and 400 ms": (["sim:a?ms=20", "sim:b?ms=400"], 52.5, 0.98),
    "one device 4x slower than calibrated": (
        ["sim:ane", "sim:gpu", "sim:cpu?ms=100&drift=4&drift_after=24"],
        72.5,
        0.95,
    ),
}


def share(devices: list[str], possible: float, policy: str, seconds: float) -> float:
    """Return frames/s over what is possible, calibrated anew."""
    options = RunOptions(seconds=seconds, policy=policy, calibration="always")
    with Engine(null_pipeline(*devices), options) as run:
        return run.wait().fps / possible


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--policy", nargs="*", default=sorted(policy_types()))
    given = parser.parse_args()
    print(f"# {machine()}; SIMULATED devices")
    reached = []
    for name, (devices, possible, reach) in CASES.items():
        for policy in given.policy:
            got = tell(
                f"{name}, {policy}", share(devices, possible, policy, given.seconds), reach, simulated=True
            )
            if policy == "adaptive":
                reached.append(got)
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
