"""Hand-over of 1080p frames with a model that does nothing, one copy into the slot, against a bare ring, in turn.

    python -m benchmarks.handover [--turns 5] [--frames 2000] [--harness FILE.py]

The peer is `benchmarks/plain_ring.py`. `--harness` runs another peer harness in the same turns: a script that takes
`--shape HxW --frames N --workers W --peers shm` and prints one JSON line with `fps`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from benchmarks import plain_ring
from benchmarks.common import machine, median, null_pipeline, run, tell
from cluster4npu import RunOptions

HEIGHT, WIDTH, WORKERS = 1080, 1920, 2
DEVICES = tuple(f"sim:null?ms=0#{n}" for n in range(1, WORKERS + 1))
REACH = 0.8


def ours(frames: int) -> float:
    """Return the engine's frames/s, everything on: policy, order, accounting, supervision, metrics."""
    summary = run(
        null_pipeline(*DEVICES, height=HEIGHT, width=WIDTH), RunOptions(frames=frames, calibration="never")
    )
    assert summary.frames_out == frames
    return summary.fps


def harness(path: str, frames: int) -> float:
    """Return the frames/s that another harness prints for its plain shared-memory peer."""
    command = [sys.executable, path, "--shape", f"{HEIGHT}x{WIDTH}", "--frames", str(frames)]
    command += ["--workers", str(WORKERS), "--peers", "shm"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1])["fps"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--harness", help="another peer harness, run in the same turns")
    given = parser.parse_args()
    print(f"# {machine()}; {WORKERS} workers, {HEIGHT}x{WIDTH}x3")
    rates: dict[str, list[float]] = {"ours": [], "plain ring": []}
    for turn in range(given.turns):
        steps = [
            ("ours", ours),
            ("plain ring", lambda n: plain_ring.frames_per_second(HEIGHT, WIDTH, n, WORKERS)),
        ]
        if given.harness:
            steps.append(("harness", lambda n: harness(given.harness, n)))
        for name, step in steps if turn % 2 == 0 else reversed(steps):
            rates.setdefault(name, []).append(step(given.frames))
    reached = []
    for name in list(rates)[1:]:
        ratios = [a / b for a, b in zip(rates["ours"], rates[name], strict=True)]
        fps = {key: round(median(rates[key]), 1) for key in ("ours", name)}
        turns = [round(r, 3) for r in ratios]
        reached.append(tell(f"hand-over against {name}", median(ratios), REACH, fps=fps, ratios=turns))
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
