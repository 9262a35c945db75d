"""Random mixes of two to six simulated devices: all together against the fastest alone and against their sum.

    python -m benchmarks.mixes [--count 100] [--first 0] [--seconds 2] [--save FILE.jsonl] [--real]

Mix number n is the same on every machine. SIMULATED devices of 5 to 200 ms, the policy `adaptive`, calibrated anew.
With `--save` the mixes of several calls are added up in one file and judged together.

`--real`: two or three workers of ONNX Runtime and OpenVINO on the processor, with one thread or two, and at times a
simulated device beside them, run the bundled digits detector. They share the cores, so that there is no sum to reach;
but all together must not be slower than the fastest alone, and who would make them slower is left out and told.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

from benchmarks.common import machine, null_pipeline, tell
from cluster4npu import Engine, RunOptions, Segment
from cluster4npu.core.settings import assets_dir

REAL = (
    "onnx:cpu?threads=1",
    "onnx:cpu?threads=2",
    "openvino:cpu?threads=1",
    "openvino:cpu?threads=2",
    "sim:npu?ms=12",
)
SINGLE_REACH, SUM_REACH, SUM_SHARE = 0.98, 0.97, 0.95


def mix(number: int) -> list[float]:
    """Return the service times of one mix in ms."""
    chance = random.Random(f"mix {number}")
    return [round(5 * 40 ** chance.random(), 1) for _ in range(chance.randint(2, 6))]


def measure(times_ms: list[float], seconds: float) -> dict[str, float]:
    """Return the measured rates (frames/s) of the fastest device alone and of all together, and the rates' sum."""
    devices = [f"sim:d{n}?ms={ms:g}" for n, ms in enumerate(times_ms, 1)]
    fastest = devices[times_ms.index(min(times_ms))]
    options = RunOptions(hold=True, calibration="always", policy="adaptive")
    with Engine(null_pipeline(*devices, height=240, width=320), options) as run:
        alone = run.measure(Segment((fastest,), seconds=seconds / 2)).summary.fps
        together = run.measure(Segment(tuple(devices), seconds=seconds)).summary.fps
    return {"alone": alone, "together": together, "sum": sum(1000 / ms for ms in times_ms)}


def real_mix(number: int) -> list[str]:
    """Return the devices of one mix of real ones."""
    chance = random.Random(f"real mix {number}")
    kinds = chance.choices(REAL, k=chance.randint(2, 3))
    return [f"{kind}#{n}" for n, kind in enumerate(kinds, 1)]


def measure_real(devices: list[str], seconds: float) -> dict[str, Any]:
    """Return the rates of the fastest alone and of all together, each measured before and after the other."""
    options = RunOptions(hold=True, calibration="always", policy="adaptive")
    pipeline = null_pipeline(*devices, model=str(assets_dir() / "digits_detector.onnx"))
    with Engine(pipeline, options) as run:
        singles = {d: run.measure(Segment((d,), seconds=seconds / 2)).summary.fps for d in devices}
        fastest = max(devices, key=lambda device: singles[device])
        rates: dict[str, list[float]] = {"alone": [], "together": []}
        for part in ("together", "alone", "alone", "together"):
            chosen = (fastest,) if part == "alone" else tuple(devices)
            summary = run.measure(Segment(chosen, seconds=seconds)).summary
            rates[part].append(summary.fps)
            if part == "together":
                left_out = [text for text in summary.warnings if "left out" in text]
    return {**{part: sum(both) / 2 for part, both in rates.items()}, "left_out": left_out}


def judge_real(mixes: list[dict[str, Any]]) -> bool:
    """Print the least share of all mixes, and in how many a device was left out; return whether it is reached."""
    shares = [m["together"] / m["alone"] for m in mixes]
    left_out = sum(bool(m["left_out"]) for m in mixes)
    what = "least of all real ones together over the fastest alone"
    return tell(what, min(shares), SINGLE_REACH, mixes=len(mixes), left_out_in=left_out)


def judge(mixes: list[dict[str, float]]) -> bool:
    """Print the shares of all mixes; return whether both are reached."""
    single = sorted(m["together"] / m["alone"] for m in mixes)
    total = sorted(m["together"] / m["sum"] for m in mixes)
    good = sum(share >= SUM_REACH for share in total) / len(total)
    spread: dict[str, Any] = {"least": round(total[0], 4), "median": round(total[len(total) // 2], 4)}
    reached = [
        tell("least of all together over the fastest alone", single[0], SINGLE_REACH, mixes=len(mixes)),
        tell(f"mixes with at least {SUM_REACH} of the sum", good, SUM_SHARE, mixes=len(mixes), **spread),
    ]
    return all(reached)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--real", action="store_true")
    given = parser.parse_args()
    if given.real:
        print(f"# {machine()}")
        found: list[dict[str, Any]] = []
        for number in range(given.first, given.first + given.count):
            found.append(measure_real(real_mix(number), given.seconds))
            print(json.dumps({"devices": real_mix(number), **found[-1]}), flush=True)
        return 0 if judge_real(found) else 1
    print(f"# {machine()}; SIMULATED devices")
    kept: dict[int, dict[str, float]] = {}
    if given.save and given.save.exists():
        lines = map(json.loads, given.save.read_text(encoding="utf-8").splitlines())
        kept = {line["mix"]: line for line in lines}
    for number in range(given.first, given.first + given.count):
        kept[number] = {"mix": number, **measure(mix(number), given.seconds)}
        print(json.dumps({"ms": mix(number), **kept[number]}), flush=True)
        if given.save:
            text = "".join(json.dumps(line) + "\n" for line in kept.values())
            given.save.write_text(text, encoding="utf-8")
    return 0 if judge(list(kept.values())) else 1


if __name__ == "__main__":
    raise SystemExit(main())
