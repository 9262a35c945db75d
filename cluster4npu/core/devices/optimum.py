"""Which devices should run which stage: the best allocation for a table of rates.

Every frame goes through every stage, so the slowest stage sets the pace; the devices of a stage share its frames, so
their rates add up. A device serves one stage at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Enough for every case of 8 devices and 4 stages; after that the best one found so far is taken, and is called so.
_MOST_STEPS = 500_000

Rates = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Optimum:
    """Devices by stage, the fastest first; `fps` is the slowest stage's rate. `exact`: no allocation is faster."""

    stages: Mapping[str, tuple[str, ...]]
    fps: float
    exact: bool = True


def best_allocation(rates: Rates) -> Optimum | None:
    """Return the allocation with the highest rate; None where some stage would have no device that runs it.

    `rates` holds frames/s by stage and device, 0 (or no entry) where a device cannot run a stage. Of equal ones that
    with the fewest devices is taken. Depth-first search that gives up a branch once even all the devices that are left,
    in every stage at once, would not beat the best allocation so far.
    """
    search = _Search(rates)
    search.run(0)
    if search.best_fps <= 0:
        return None
    stages = {
        stage: tuple(sorted(devices, key=lambda d: (-rates[stage][d], d)))
        for stage, devices in zip(rates, search.chosen(), strict=True)
    }
    return Optimum(stages, search.best_fps, search.steps <= _MOST_STEPS)


class _Search:
    """The search's state: `sums` are the stages' rates so far, `left` what the devices from each on could add."""

    def __init__(self, rates: Rates) -> None:
        self._stages = list(rates)
        every = dict.fromkeys(device for stage in rates.values() for device in stage)
        # The fastest first: a good allocation is found early, and most branches are given up.
        self._devices = sorted(every, key=lambda d: -max(rates[s].get(d, 0.0) for s in self._stages))
        self._table = [[rates[s].get(d, 0.0) for s in self._stages] for d in self._devices]
        self._sums = [0.0] * len(self._stages)
        self._left = [[0.0] * len(self._stages)]
        for row in reversed(self._table):
            self._left.append([a + b for a, b in zip(self._left[-1], row, strict=True)])
        self._left.reverse()
        self._place: list[int | None] = [None] * len(self._devices)
        self._best: list[int | None] = list(self._place)
        self.best_fps = 0.0
        self.steps = 0

    def run(self, index: int) -> None:
        """Try every place for the devices from `index` on."""
        self.steps += 1
        if self.steps > _MOST_STEPS or not self._stages:
            return
        reachable = min(a + b for a, b in zip(self._sums, self._left[index], strict=True))
        if reachable <= 0 or reachable < self.best_fps:
            return
        if index == len(self._devices):
            self._keep()
            return
        # The slowest stage first, and leaving the device out last.
        for stage in sorted(range(len(self._stages)), key=lambda s: self._sums[s]):
            rate = self._table[index][stage]
            if rate > 0:
                before = self._sums[stage]
                self._place[index], self._sums[stage] = stage, before + rate
                self.run(index + 1)
                self._sums[stage] = before
        self._place[index] = None
        self.run(index + 1)

    def _keep(self) -> None:
        fps, used = min(self._sums), sum(place is not None for place in self._place)
        fewer = used < sum(place is not None for place in self._best)
        if fps > self.best_fps or (fps == self.best_fps and fewer):
            self.best_fps, self._best = fps, list(self._place)

    def chosen(self) -> list[list[str]]:
        """Return the devices of each stage in the best allocation."""
        return [
            [d for d, place in zip(self._devices, self._best, strict=True) if place == stage]
            for stage in range(len(self._stages))
        ]
