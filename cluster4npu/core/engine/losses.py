"""How often a worker was lost lately: when it is started again, and when its device is given up."""

from __future__ import annotations

import time
from collections import deque

MOST_RESTARTS = 5  # within WINDOW_S and without progress between them: then the device counts as failed
MOST_KILLS = 30  # from outside, otherwise the same: by a user, or where the system has no memory left
PROGRESS_FRAMES = 10  # finished since its start: a worker that did so much was not in a crash loop
WINDOW_S = 60.0
FIRST_BACKOFF_S = 0.1  # before the second start again; none before the first


class Losses:
    """The losses of one worker. Who is killed from outside is not at fault, so that much more of it is borne."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque()
        self._kills: deque[float] = deque()

    def note(self, *, killed: bool = False, finished: int = 0) -> bool:
        """Note one, after so many finished frames, and tell whether it is one too many."""
        if finished >= PROGRESS_FRAMES:
            self.clear()
        (self._kills if killed else self._deaths).append(time.monotonic())
        return len(self._deaths) > MOST_RESTARTS or len(self._kills) > MOST_KILLS

    @property
    def backoff_s(self) -> float:
        """Return how long to wait before the next start: not at all after a first loss, then longer each time."""
        times = len(self._deaths) + min(len(self._kills), MOST_RESTARTS)
        return float(FIRST_BACKOFF_S * 2 ** (times - 2)) if times > 1 else 0.0

    def forgive(self, now: float) -> None:
        """Forget those that were long ago."""
        for times in (self._deaths, self._kills):
            while times and now - times[0] > WINDOW_S:
                times.popleft()

    def clear(self) -> None:
        """Forget all of them."""
        self._deaths.clear()
        self._kills.clear()
