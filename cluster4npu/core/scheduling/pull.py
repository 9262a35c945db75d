"""Pull: a frame waits until a worker has room for it, and goes to the one that has least to do."""

from __future__ import annotations

from collections.abc import Mapping

from cluster4npu.core.scheduling.base import Policy, WorkerView


class Pull(Policy):
    """Whoever is idle takes the next frame: needs no calibration, and follows every change of speed by itself."""

    name = "pull"
    title = "Pull (whoever is idle)"
    corrects = True

    def set_weights(self, weights: Mapping[str, float]) -> None:
        self._weights = dict(weights)

    def assign(self, workers: Mapping[str, WorkerView]) -> str | None:
        best, best_key = None, (0.0, 0.0)
        for name, view in workers.items():
            if view.waiting >= view.capacity or name not in self._weights:
                continue
            key = (view.waiting, -self._weights[name])
            if best is None or key < best_key:
                best, best_key = name, key
        return best
