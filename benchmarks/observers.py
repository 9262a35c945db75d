"""What it costs to be watched: the figures that go to the dashboard, and the trace of every frame.

    python -m benchmarks.observers [--turns 15] [--frames 60000]

Frames are produced in the slot and a model does nothing with them: the engine at its fastest, where watching costs
most. Three engines stand ready, one without either, one with the figures (four times a second), one with the trace.
Each watched stretch is compared with the unwatched ones just before and after it.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from benchmarks.common import machine, median, stamped_pipeline, tell
from cluster4npu import Engine, RunOptions, Segment
from cluster4npu.core.engine.engine import Run
from cluster4npu.core.pipeline.plan import ExecutionPlan

WAYS = {"neither": (False, False), "figures": (True, False), "trace": (False, True)}
REACH = {"figures": 0.99, "trace": 0.98}


def ready(stack: ExitStack, metrics: bool, traces: bool) -> tuple[Run, tuple[str, ...]]:
    """Return an engine that waits for its stretches, and its devices."""
    options = RunOptions(hold=True, calibration="never", metrics=metrics, traces=traces)
    engine = Engine(stamped_pipeline(480, 640), options)
    assert isinstance(engine.plan, ExecutionPlan)
    return stack.enter_context(engine), tuple(member.settled for member in engine.plan.members)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--frames", type=int, default=60_000)
    given = parser.parse_args()
    print(f"# {machine()}; 480 x 640, {given.turns} turns")
    fps: dict[str, list[float]] = {name: [] for name in WAYS}
    ratios: dict[str, list[float]] = {name: [] for name in REACH}
    with ExitStack() as stack:
        runs = {name: ready(stack, *ways) for name, ways in WAYS.items()}

        def rate(name: str) -> float:
            run, devices = runs[name]
            fps[name].append(run.measure(Segment(devices, frames=given.frames)).summary.fps)
            return fps[name][-1]

        before = rate("neither")
        for _ in range(given.turns):
            for name in REACH:
                watched, after = rate(name), rate("neither")
                ratios[name].append(2 * watched / (before + after))
                before = after
    reached = []
    for name, reach in REACH.items():
        rates = {key: round(median(fps[key]), 1) for key in ("neither", name)}
        turns = [round(r, 3) for r in ratios[name]]
        reached.append(tell(f"with the {name}", median(ratios[name]), reach, fps=rates, ratios=turns))
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
