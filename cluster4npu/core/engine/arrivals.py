"""When frames arrive: evenly, at random as from many clients, or from several cameras at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cluster4npu.core.errors import InputError, Problem

EVEN, POISSON, CAMERAS = "even", "poisson", "cameras"
KINDS = (EVEN, POISSON, CAMERAS)
_CHUNK = 1024  # gaps drawn at once: part of what a seed means, so never changed


@dataclass(frozen=True, slots=True)
class Arrivals:
    """A schedule that a seed makes the same on each machine.

    `fps` is the rate of all frames together. `even` spaces them equally; `poisson` draws exponential gaps, as
    MLPerf LoadGen's server scenario does; `cameras` are `streams` even ones of equal rate, each beginning at a
    moment of its own within the first period: frame i is of camera i modulo `streams`. Raises InputError.
    """

    fps: float
    kind: str = EVEN
    streams: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(
                Problem("unknown kind of arrivals", field="kind", found=self.kind, allowed=", ".join(KINDS))
            )
        if not 0.001 <= self.fps <= 100_000 or not 1 <= self.streams <= 100_000:
            raise InputError(
                Problem(
                    "these arrivals are out of bounds",
                    field="arrivals",
                    found=f"{self.fps:g} frames/s, {self.streams} streams",
                    allowed="0.001 to 100000 frames/s, 1 to 100000 streams",
                    hint="Correct the rate or the number of streams.",
                )
            )

    def schedule(self) -> Schedule:
        """Return the times of the frames, from the first on."""
        return Schedule(self)


class Schedule:
    """The times of one series of arrivals, in ns from its beginning; drawn as far as they are asked for."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._rng = np.random.default_rng([arrivals.seed, KINDS.index(arrivals.kind)])
        self._times = np.zeros(0)
        if arrivals.kind == CAMERAS:
            period = arrivals.streams / arrivals.fps
            self._times = np.sort(self._rng.uniform(0.0, period, arrivals.streams))

    def due_ns(self, index: int) -> int:
        """Return when frame `index` (from 0) is due."""
        arrivals = self._arrivals
        if arrivals.kind == CAMERAS:
            turn, camera = divmod(index, arrivals.streams)
            return int((self._times[camera] + turn * arrivals.streams / arrivals.fps) * 1e9)
        if arrivals.kind == EVEN:
            return int(index * 1e9 / arrivals.fps)
        while index >= len(self._times):
            gaps = self._rng.exponential(1.0 / arrivals.fps, _CHUNK)
            last = self._times[-1] if len(self._times) else 0.0
            self._times = np.concatenate([self._times, last + np.cumsum(gaps)])
        return int(self._times[index] * 1e9)

    def until(self, seconds: float) -> np.ndarray:
        """Return the times (s, 1-D, ascending) of every frame that is due before `seconds`."""
        found: list[float] = []
        while (due := self.due_ns(len(found))) < seconds * 1e9:
            found.append(due / 1e9)
        return np.array(found)
