"""How much memory a process holds at most while something is done in it."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

EVERY_S = 0.002  # between two looks


class PeakMemory:
    """Looks at this process's resident memory on a thread, from `with` to its end.

    `bytes` is the highest that was seen, `grown_bytes` how much of that was not there before. What is taken and given
    back between two looks is not seen.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="peak-memory", daemon=True)
        self._before = self.bytes = 0

    @property
    def grown_bytes(self) -> int:
        """Return how much more was held at most than before."""
        return self.bytes - self._before

    def __enter__(self) -> PeakMemory:
        self._before = self.bytes = self._resident()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.bytes = max(self.bytes, self._resident())
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(EVERY_S):
            self.bytes = max(self.bytes, self._resident())

    def _resident(self) -> int:
        return int(self._process.memory_info().rss)
