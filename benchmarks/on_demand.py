"""On demand against push on the worked example: CPU time of the process, beside what the counts tell.

    python -m benchmarks.on_demand [--turns 5]

The template `looking_away` runs both ways in this process, a second of the clip in turn, by a virtual clock: the same
frames and counts each time, and nothing waits. A turn is the clip once: 3 s in which nobody is there, and 9 s in which
somebody is. The saving that the counts tell is, for each node, the computations that fell away times what one of them
costs, as measured in the push run. Medians over the turns.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field

import cv2

from benchmarks.common import machine, median, tell
from cluster4npu import PipelineTemplates
from cluster4npu.core.demand import NodeCounts, VirtualClock, cpu_saved_s, waste_report
from cluster4npu.core.engine.on_demand.pipeline import RunningPipeline

NODES = ("contrast", "movement", "head", "clip", "eyes", "distance")
CLIP_S = 21
WINDOWS = (("idle", 20, 23), ("active", 27, 36))  # seconds since the start; again CLIP_S later
AGREE = 0.9  # of the saving that was measured and the one that the counts tell


@dataclass
class Side:
    """One way of executing in one window: its counts, and the CPU time of the process."""

    cpu_s: float = 0.0
    counts: dict[str, NodeCounts] = field(default_factory=dict)

    def second(self, run: RunningPipeline) -> None:
        """Go on by a second of the clip, and add what it took."""
        before, cpu_s = run.counts(), time.process_time()
        run.run(1)
        self.cpu_s += time.process_time() - cpu_s
        for name, now in run.counts().items():
            self.counts[name] = self.counts.get(name, NodeCounts()) + (now - before[name])

    def rates(self, seconds: int) -> dict[str, float]:
        """Return how often a second each node computed."""
        return {name: round(self.counts[name].computes / seconds, 1) for name in NODES}


def measure(push: RunningPipeline, pull: RunningPipeline, start_s: int, seconds: int) -> tuple[Side, Side]:
    """Bring both to `start_s`, then let them go on for so many seconds, one second in turn."""
    for run in (push, pull):
        run.run(start_s - run.elapsed_s)
    sides = Side(), Side()
    for number in range(seconds):
        for side, run in list(zip(sides, (push, pull), strict=True))[:: 1 if number % 2 else -1]:
            side.second(run)
    return sides


def report(name: str, seconds: int, turns: list[tuple[Side, Side]]) -> bool:
    """Print the figures of one window; return whether counts and clock agree."""
    push, pull = turns[-1]
    waste = {n.node: f"{n.share:.0%}" for n in waste_report(push.counts, seconds).nodes if n.node in NODES}
    saved = [(a.cpu_s - b.cpu_s) / seconds for a, b in turns]
    told = [cpu_saved_s(a.counts, b.counts) / seconds for a, b in turns]
    ratio = median([s / t for s, t in zip(saved, told, strict=True)])
    return tell(
        f"{name}: the measured saving agrees with the counts",
        1 - abs(ratio - 1),
        AGREE,
        push_ms_per_s=round(1000 * median([a.cpu_s for a, _ in turns]) / seconds, 1),
        pull_ms_per_s=round(1000 * median([b.cpu_s for _, b in turns]) / seconds, 1),
        saved_ms_per_s=round(1000 * median(saved), 1),
        saved_of_push=round(median([1 - b.cpu_s / a.cpu_s for a, b in turns]), 3),
        saved_by_counts_ms_per_s=round(1000 * median(told), 1),
        computed_a_second={"push": push.rates(seconds), "on_demand": pull.rates(seconds)},
        wasted_in_push=waste,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    cv2.setNumThreads(1)  # the cost of a node is the CPU time of the thread that computes it
    print(f"# {machine()}")
    template = PipelineTemplates.get("looking_away")
    push, pull = (
        RunningPipeline.open(template.replace(execution=execution), VirtualClock())
        for execution in ("push", "on_demand")
    )
    turns: dict[str, list[tuple[Side, Side]]] = {name: [] for name, _, _ in WINDOWS}
    for turn in range(given.turns):
        for name, start, end in WINDOWS:
            turns[name].append(measure(push, pull, turn * CLIP_S + start, end - start))
    agree = [report(name, end - start, turns[name]) for name, start, end in WINDOWS]
    push.close()
    pull.close()
    return 0 if all(agree) else 1


if __name__ == "__main__":
    raise SystemExit(main())
