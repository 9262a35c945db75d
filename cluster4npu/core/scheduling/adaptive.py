"""Adaptive: each frame goes where it will be finished first, by service times that are measured all along.

Earliest finish time, after list scheduling (R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969): since
neighbouring frames finish at about the same time, little is left to be put back in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heapreplace

from cluster4npu.core.scheduling.base import Policy, WorkerView

_NEW_SHARE = 0.2  # of the latest service time in the running mean
_RUN_S = 50e-6  # of neighbouring frames that one worker gets: none of them waits for another worker


class Adaptive(Policy):
    """Starts from the calibrated rates and corrects them by what each worker really takes."""

    name = "adaptive"
    title = "Adaptive (earliest finish)"
    steals = True
    corrects = True

    def set_weights(self, weights: Mapping[str, float]) -> None:
        seen: dict[str, float] = getattr(self, "_seen", {})
        slowest = 1 / min((w for w in weights.values() if w > 0), default=1.0)
        self._service = {n: seen.get(n, 1 / w if w > 0 else slowest) for n, w in weights.items()}
        self._seen = seen
        self._calibrated = len(set(weights.values())) > 1

    def finished(self, worker: str, service_s: float, frames: int = 1) -> None:
        if worker in self._service:
            known = self._seen.get(worker, service_s)  # the first measurement counts whole
            share = 1 - (1 - _NEW_SHARE) ** frames
            self._seen[worker] = self._service[worker] = known + share * (service_s - known)
            if not self._calibrated and len(self._seen) < len(self._service):
                fastest = min(self._seen.values())  # of the others nothing is known: they are worth a try
                self._service.update((name, fastest) for name in self._service if name not in self._seen)

    def assign(self, workers: Mapping[str, WorkerView]) -> str | None:
        finishes = self._finishes(workers)
        return min(finishes)[3] if finishes else None

    def assign_all(self, workers: Mapping[str, WorkerView], frames: int) -> list[str]:
        heap = self._finishes(workers)
        if not heap:
            return []
        heapify(heap)
        found: list[str] = []
        share = -(-frames // len(heap))
        while (left := frames - len(found)) > 0:
            finish, place, service, name = heap[0]
            run = min(share, left, int(_RUN_S / service) or 1) if service else 1
            heapreplace(heap, (finish + run * service, place, service, name))
            found += [name] * run
        for name in workers:
            workers[name].waiting += found.count(name)
        return found

    def _finishes(self, workers: Mapping[str, WorkerView]) -> list[tuple[float, int, float, str]]:
        """Return when each worker would be done with one frame more, its place, and its service time and name."""
        return [
            ((view.waiting + 1) * self._service[name], place, self._service[name], name)
            for place, (name, view) in enumerate(workers.items())
            if name in self._service
        ]
