"""How often the window draws what moves: seldom while the run needs every core, for what it draws is taken from it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from cluster4npu.core.metrics.snapshot import MetricsSnapshot

FULL, FREE = 0.85, 0.6  # of all cores: at the first there is none to spare, at the second there is
_SEEN_S = 1.0


@dataclass(frozen=True, slots=True)
class Rates:
    """Milliseconds between two pictures. `tokens_ms` 0: with each snapshot. What is measured is never thinned out."""

    preview_ms: int
    tokens_ms: int
    chart_ms: int
    judge_ms: int  # what holds the run back


LIVELY = Rates(preview_ms=50, tokens_ms=80, chart_ms=50, judge_ms=0)
SPARING = Rates(preview_ms=250, tokens_ms=0, chart_ms=1000, judge_ms=1000)


class Pace:
    """Chooses the rates by how busy all cores were in the last second; a run begins sparingly, until that is known."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()
        self.rates = SPARING

    def begin(self) -> Rates:
        """A run begins: return the rates."""
        self._seen.clear()
        self.rates = SPARING
        return self.rates

    def update(self, snapshot: MetricsSnapshot) -> Rates:
        """Take how busy the machine is, and return the rates from now on; without that figure they are lively."""
        if snapshot.state != "running":
            return self.rates
        if snapshot.host_cpu is None:
            self.rates = LIVELY
            return self.rates
        self._seen.append((snapshot.elapsed_s, snapshot.host_cpu))
        if snapshot.elapsed_s - self._seen[0][0] < _SEEN_S:
            return self.rates
        while snapshot.elapsed_s - self._seen[0][0] > _SEEN_S:
            self._seen.popleft()
        busy = sum(cpu for _, cpu in self._seen) / len(self._seen)
        if busy >= FULL:
            self.rates = SPARING
        elif busy <= FREE:
            self.rates = LIVELY
        return self.rates
