"""Runs the viewer through its story, counts and measures, and prints what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from clip import Clip, Story
from viewer import NODES, Spec, Viewer

from cluster4npu.core.demand import (
    MonotonicClock,
    NodeCounts,
    VirtualClock,
    cpu_saved_s,
    waste_report,
)

_WARM_UP_S, _BETWEEN_S, _END_S = 1.0, 2.0, 2.5


@dataclass
class Window:
    """What happened in one stretch of time: counts per node, and the CPU time of the process."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    counts: dict[str, NodeCounts] = field(default_factory=dict)

    def add(self, seconds: float, cpu_s: float, counts: Mapping[str, NodeCounts]) -> None:
        """Add a piece of it."""
        self.seconds += seconds
        self.cpu_s += cpu_s
        for name, new in counts.items():
            self.counts[name] = new + self.counts.get(name, NodeCounts())


def story(seconds: float) -> Story:
    """Nobody; then somebody who looks here, looks away a second into the active window, and leaves after it."""
    comes = _WARM_UP_S + seconds
    return Story(comes, looks_away=comes + _BETWEEN_S + 1, leaves=comes + _BETWEEN_S + seconds)


class Side:
    """One style, pull or push, on its way through the story."""

    def __init__(self, style: str, seconds: float, spec: Spec, fast: bool) -> None:
        self.style = style
        self.windows = {"idle": Window(), "active": Window()}
        self._clip = Clip(story(seconds))
        self._clip.draw_all(_WARM_UP_S + _BETWEEN_S + _END_S + 2 * seconds)
        self.said: list[str] = []
        clock = VirtualClock() if fast else MonotonicClock()
        self._viewer = Viewer(self._clip, spec, style, clock, self.said.append)

    def run(self, seconds: float, window: str) -> None:
        """Go on for so many seconds and note them under the window of that name."""
        before, cpu_s = self._viewer.execution.counts(), time.process_time()
        self._viewer.execution.run(seconds)
        cpu_s = time.process_time() - cpu_s
        if window in self.windows:
            counts = self._viewer.execution.counts()
            self.windows[window].add(seconds, cpu_s, {name: counts[name] - before[name] for name in counts})


def run(styles: list[str], seconds: float, spec: Spec, fast: bool) -> list[Side]:
    """Run each style: one after the other in real time; side by side, a second in turn, by the virtual clock."""
    steps = [("", _WARM_UP_S), ("idle", seconds), ("", _BETWEEN_S), ("active", seconds), ("", _END_S)]
    pieces = [(name, piece) for name, length in steps for piece in _pieces(length)]
    if fast:
        sides = [Side(style, seconds, spec, fast) for style in styles]
        for name, piece in pieces:
            for side in sides:
                side.run(piece, name)
        return sides
    sides = []
    for style in styles:
        sides.append(Side(style, seconds, spec, fast))
        for name, piece in steps:
            sides[-1].run(piece, name)
    return sides


def _pieces(length: float) -> list[float]:
    whole = int(length)
    return [1.0] * whole + ([length - whole] if length > whole else [])


def show(side: Side, say: Callable[[str], None]) -> None:
    """Print what was seen, the computations a second, the CPU time, and what was wasted."""
    say(f"\n{side.style.upper()}")
    for line in side.said:
        say(f"  {line}")
    say("  computed a second   " + "".join(f"{name:>10}" for name in NODES) + "   CPU of the process")
    for name, window in side.windows.items():
        rates = "".join(f"{window.counts[node].computes / window.seconds:10.1f}" for node in NODES)
        say(f"  {name:<19} {rates}   {1000 * window.cpu_s / window.seconds:.0f} ms/s")
    for name, window in side.windows.items():
        lines = (
            waste_report({node: window.counts[node] for node in NODES}, window.seconds).text().splitlines()
        )
        say(f"  wasted, {name}: " + "; ".join(lines))


def compare(push: Side, pull: Side, say: Callable[[str], None]) -> None:
    """Print the CPU time that pull saves: of the process, and computed from counts and cost per computation."""
    say("\nCPU SAVED BY PULL      measured   from counts   difference")
    for name in push.windows:
        a, b = push.windows[name], pull.windows[name]
        measured, computed = a.cpu_s - b.cpu_s, cpu_saved_s(a.counts, b.counts)
        per_s = 1000 / a.seconds
        say(
            f"  {name:<16}{measured * per_s:>9.0f} ms/s{computed * per_s:>9.0f} ms/s{measured / computed - 1:>12.1%}"
            f"   ({measured / a.cpu_s:.0%} of push)"
        )
