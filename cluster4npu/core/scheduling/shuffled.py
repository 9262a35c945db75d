"""Shuffled weighted round-robin: a weighted cycle, shuffled once, gone through again and again."""

from __future__ import annotations

import random
from collections.abc import Mapping

from cluster4npu.core.scheduling.base import Policy, WorkerView
from cluster4npu.core.scheduling.cycles import best_cycle


class Shuffled(Policy):
    """The baseline policy: exact shares in every cycle, in an order drawn from the seed."""

    name = "shuffled"
    title = "Shuffled weighted round-robin"

    def set_weights(self, weights: Mapping[str, float]) -> None:
        counts = best_cycle(weights) if weights else {}
        self.cycle = [name for name, count in counts.items() for _ in range(count)]
        random.Random(self.seed).shuffle(self.cycle)
        self._next = 0

    def assign(self, workers: Mapping[str, WorkerView]) -> str | None:
        for _ in range(len(self.cycle)):
            name = self.cycle[self._next]
            self._next = (self._next + 1) % len(self.cycle)
            if name in workers:
                return name
        return None
