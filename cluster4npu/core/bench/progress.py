"""How far a benchmark has come: told often, never backwards, with an honest estimate of what remains."""

from __future__ import annotations

import time
from collections.abc import Callable

from cluster4npu.core.bench.options import BenchmarkProgress

_EVERY_S = 0.2
_TRUST_S = 10.0  # the plan is taken to have been right for so long before the work began


class Tracker:
    """Adds up planned seconds as they are done. Used by one thread.

    The estimate of what remains is the plan's own seconds, stretched by how much longer than planned the work has
    taken so far (loading and draining take what they take); at the beginning, where that says little, by less.
    """

    def __init__(self, planned_s: float, tell: Callable[[BenchmarkProgress], None]) -> None:
        self._planned_s = max(planned_s, 1e-3)
        self._tell = tell
        self._done_s = 0.0
        self._step_s = 0.0
        self._fraction = 0.0
        self._begin = self._step_begin = time.monotonic()
        self._told = float("-inf")
        self._latest = BenchmarkProgress(0.0, "Starting")

    def begin(self, stage: str, planned_s: float, detail: str = "", device: str = "") -> None:
        """Start a step of about `planned_s` seconds, the one before being done."""
        self._done_s += self._step_s
        self._step_s = planned_s
        self._step_begin = time.monotonic()
        self._latest = BenchmarkProgress(
            self._fraction, stage, detail, window_fps=self._latest.window_fps, device=device
        )
        self._send()

    def more(self, planned_s: float) -> None:
        """Add work that was not planned."""
        self._planned_s += planned_s

    def measured(self, fps: float) -> None:
        """Tell the rate that was just measured."""
        latest = self._latest
        self._latest = BenchmarkProgress(
            latest.fraction, latest.stage, latest.detail, window_fps=fps, device=latest.device
        )
        self._send()

    def tick(self) -> None:
        """Tell how far it is, if that was not told just now."""
        if time.monotonic() - self._told >= _EVERY_S:
            self._send()

    def end(self, stage: str) -> None:
        """Tell that everything is done."""
        self._fraction = 1.0
        self._tell(BenchmarkProgress(1.0, stage, eta_s=0.0))

    def _send(self) -> None:
        now = time.monotonic()
        done = self._done_s + min(now - self._step_begin, self._step_s)
        self._fraction = max(self._fraction, min(done / self._planned_s, 0.99))
        stretch = max(1.0, (now - self._begin + _TRUST_S) / (done + _TRUST_S))
        left = max(0.0, self._planned_s - done) * stretch
        latest = self._latest
        self._told = now
        self._tell(
            BenchmarkProgress(
                self._fraction, latest.stage, latest.detail, left, latest.window_fps, latest.device
            )
        )
