"""What each node costs in a worker: the CPU time of the whole process, measured on one frame in sixteen.

Asking for the time costs about as much as a small node, so not every frame is measured.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

EVERY = 16  # frames
_TELL_NS = 500_000_000


class CostMeter:
    """One worker's measurements. `begin` each frame; where it says yes, `add` what each node took."""

    def __init__(self) -> None:
        self._left = 0  # frames until the next that is measured
        self._frames = 0
        self._fresh = False  # measured since it was told
        self._nodes: dict[str, list[int]] = {}  # runs, CPU ns
        self._told_ns = 0

    def begin(self, frames: int = 1) -> bool:
        """Count frames that are computed together; tell whether they are measured."""
        if frames <= self._left:
            self._left -= frames
            return False
        self._left = (self._left - frames) % EVERY
        self._frames += frames
        self._fresh = True
        return True

    def add(self, node: str, begun_ns: int, runs: int = 1) -> int:
        """Note what a node did since this `cpu_ns`; return the time of its end."""
        now = cpu_ns()
        did = self._nodes.setdefault(node, [0, 0])
        did[0] += runs
        did[1] += now - begun_ns
        return now

    def news(self, now_ns: int) -> dict[str, Any] | None:
        """Return all measurements until now as a record, twice a second where there are new ones; else None."""
        if not self._fresh or now_ns - self._told_ns < _TELL_NS:
            return None
        self._told_ns, self._fresh = now_ns, False
        return {"frames": self._frames, "nodes": self._nodes}


class StageCosts:
    """The measurements of all workers of a stage, taken together."""

    def __init__(self) -> None:
        self.frames = 0
        self._nodes: dict[str, tuple[int, int]] = {}

    def add(self, told: Mapping[str, Any]) -> None:
        """Add what one worker has told last (see `CostMeter.news`)."""
        self.frames += told["frames"]
        for node, (runs, spent_ns) in told["nodes"].items():
            before = self._nodes.get(node, (0, 0))
            self._nodes[node] = before[0] + runs, before[1] + spent_ns

    def runs(self, node: str) -> int:
        """Return how often a node ran in the frames that were measured."""
        return self._nodes.get(node, (0, 0))[0]

    def mean_s(self, node: str) -> float:
        """Return the mean CPU seconds of one run."""
        runs, spent_ns = self._nodes.get(node, (0, 0))
        return spent_ns / runs / 1e9 if runs else 0.0


cpu_ns = time.process_time_ns
