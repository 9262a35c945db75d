"""Adaptive: each frame goes where it will be finished first, by service times that are measured all along.

Earliest finish time, after list scheduling (R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969): since
neighbouring frames finish at about the same time, little is left to be put back in order.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster4npu.core.scheduling.base import Policy, WorkerView

_NEW_SHARE = 0.2  # of the latest service time in the running mean


class Adaptive(Policy):
    """Starts from the calibrated rates and corrects them by what each worker really takes."""

    name = "adaptive"
    title = "Adaptive (earliest finish)"
    steals = True

    def set_weights(self, weights: Mapping[str, float]) -> None:
        seen: dict[str, float] = getattr(self, "_seen", {})
        slowest = 1 / min((w for w in weights.values() if w > 0), default=1.0)
        self._service = {n: seen.get(n, 1 / w if w > 0 else slowest) for n, w in weights.items()}
        self._seen = seen
        self._calibrated = len(set(weights.values())) > 1

    def finished(self, worker: str, service_s: float) -> None:
        if worker in self._service:
            known = self._seen.get(worker, service_s)  # the first measurement counts whole
            self._seen[worker] = self._service[worker] = known + _NEW_SHARE * (service_s - known)
            if not self._calibrated and len(self._seen) < len(self._service):
                fastest = min(self._seen.values())  # of the others nothing is known: they are worth a try
                self._service.update((name, fastest) for name in self._service if name not in self._seen)

    def assign(self, workers: Mapping[str, WorkerView]) -> str | None:
        best, best_finish = None, 0.0
        for name, view in workers.items():
            if name not in self._service:
                continue
            finish = (view.waiting + 1) * self._service[name]
            if best is None or finish < best_finish:
                best, best_finish = name, finish
        return best
