"""Smooth (interleaved) weighted round-robin, after nginx's upstream balancing: no worker gets its frames in a burst."""

from __future__ import annotations

from collections.abc import Mapping

from cluster4npu.core.scheduling.base import Policy, WorkerView


class Smooth(Policy):
    """Each frame adds every weight to its worker's credit; the richest gets the frame and pays the sum."""

    name = "smooth"
    title = "Smooth weighted round-robin"

    def set_weights(self, weights: Mapping[str, float]) -> None:
        self._weights = {name: weight for name, weight in weights.items() if weight > 0}
        self._credit = dict.fromkeys(self._weights, 0.0)

    def assign(self, workers: Mapping[str, WorkerView]) -> str | None:
        best, total = None, 0.0
        for name, weight in self._weights.items():
            if name not in workers:
                continue
            self._credit[name] += weight
            total += weight
            if best is None or self._credit[name] > self._credit[best]:
                best = name
        if best is not None:
            self._credit[best] -= total
        return best
