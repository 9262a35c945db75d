"""Every policy where it gets difficult: many devices, a very slow one, one that is slower than it was measured.

    python -m benchmarks.scheduling [--seconds 10] [--policy adaptive ...]

SIMULATED devices; each figure is the share of the rate that is possible. What is to be reached is asked of the policy
`adaptive`; the others are shown beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from benchmarks.common import machine, null_pipeline, tell
from cluster4npu import Engine, RunOptions
from cluster4npu.core.metrics.traces import STATUS_DELIVERED
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


TRIO_MS = {"ane": 20.0, "gpu": 50.0, "cpu": 100.0}
CALIBRATED = 24  # frames that calibration takes of a device
MIDDLE_REACH = 0.95
_SLOWER = 1.5  # a frame that takes so many times as long as before was computed after the drift


def share(devices: list[str], possible: float, policy: str, seconds: float) -> float:
    """Return frames/s over what is possible, calibrated anew."""
    options = RunOptions(seconds=seconds, policy=policy, calibration="always")
    with Engine(null_pipeline(*devices), options) as run:
        return run.wait().fps / possible


def share_after(slow: str, policy: str, seconds: float) -> float:
    """Return frames/s over what is possible, from when one device of the trio takes twice as long to the end.

    That is in the middle of the run. The rate counts what was delivered until the source ended.
    """
    rates = {unit: 1000 / ms for unit, ms in TRIO_MS.items()}
    after = CALIBRATED + int(seconds / 2 * rates[slow])
    devices = [
        f"sim:{u}?ms={ms:g}{f'&drift=2&drift_after={after}' * (u == slow)}" for u, ms in TRIO_MS.items()
    ]
    options = RunOptions(seconds=seconds, policy=policy, calibration="always", traces=True)
    with Engine(null_pipeline(*devices), options) as run:
        rows = run.wait().traces
    assert rows is not None
    taken_ms = (rows["finished_ns"] - rows["started_ns"]) / 1e6
    slower = (rows["worker"] == list(TRIO_MS).index(slow)) & (taken_ms > _SLOWER * TRIO_MS[slow])
    begin, end = int(rows["started_ns"][slower].min()), int(rows["scheduled_ns"].max())
    delivered = rows["delivered_ns"][rows["status"] == STATUS_DELIVERED]
    frames = int(np.count_nonzero((delivered > begin) & (delivered <= end)))
    return frames / ((end - begin) / 1e9) / (sum(rates.values()) - rates[slow] / 2)


def cases(policy: str, seconds: float) -> Iterator[tuple[str, float, float]]:
    """Yield each case's name, its share of what is possible, and what is to be reached."""
    for name, (devices, possible, reach) in CASES.items():
        yield name, share(devices, possible, policy, seconds), reach
    for slow, ms in TRIO_MS.items():
        name = f"the device of {ms:g} ms 2x slower from the middle on"
        yield name, share_after(slow, policy, seconds), MIDDLE_REACH


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--policy", nargs="*", default=sorted(policy_types()))
    given = parser.parse_args()
    print(f"# {machine()}; SIMULATED devices")
    reached = []
    for policy in given.policy:
        for name, value, reach in cases(policy, given.seconds):
            got = tell(f"{name}, {policy}", value, reach, simulated=True)
            if policy == "adaptive":
                reached.append(got)
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
