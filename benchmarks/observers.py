"""What it costs to be watched: the figures that go to the dashboard, and the trace of every frame.

    python -m benchmarks.observers [--turns 9] [--frames 60000]

Frames are produced in the slot and a model does nothing with them: the engine at its fastest, where watching costs
most. Each turn runs without either, with the figures (four times a second), and with the trace.
"""

from __future__ import annotations

import argparse

from benchmarks.common import machine, median, run, stamped_pipeline, tell
from cluster4npu import RunOptions

WAYS = {"neither": (False, False), "figures": (True, False), "trace": (False, True)}
REACH = {"figures": 0.99, "trace": 0.98}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--frames", type=int, default=60_000)
    given = parser.parse_args()
    print(f"# {machine()}; 480 x 640, {given.turns} turns")
    pipeline = stamped_pipeline(480, 640)
    fps: dict[str, list[float]] = {name: [] for name in WAYS}
    for turn in range(given.turns):
        names = list(WAYS)[turn % 3 :] + list(WAYS)[: turn % 3]
        for name in names:
            metrics, traces = WAYS[name]
            options = RunOptions(frames=given.frames, calibration="never", metrics=metrics, traces=traces)
            fps[name].append(run(pipeline, options).fps)
    reached = []
    for name, reach in REACH.items():
        ratios = [a / b for a, b in zip(fps[name], fps["neither"], strict=True)]
        rates = {key: round(median(fps[key]), 1) for key in ("neither", name)}
        turns = [round(r, 3) for r in ratios]
        reached.append(tell(f"with the {name}", median(ratios), reach, fps=rates, ratios=turns))
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
