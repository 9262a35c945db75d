"""The results of a run that its caller has not read yet, within a bound of memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from cluster4npu.core.engine.codec import encoded_size
from cluster4npu.core.engine.messages import Event, Result, ResultsReady
from cluster4npu.core.errors import InputError, Problem

MOST_BYTES = 256 * 2**20
_EACH_BYTES = 2048  # what a result takes beside its arrays, about


class Unread:
    """Keeps results for `Run.results` while the caller does something else.

    Beyond a bound all are given up at once, and reading them is an error: a gap in the middle would go unseen.
    """

    def __init__(self) -> None:
        self._results: deque[tuple[Result, int]] = deque()
        self._bytes = 0
        self._given_up = 0

    def keep(self, events: Iterable[Event], most_bytes: int | None = None) -> None:
        """Keep the results that these events bring; gives all up when more than `most_bytes` are kept."""
        for event in events:
            if isinstance(event, ResultsReady):
                for result in event.results:
                    self._keep(result)
        if most_bytes is not None and self._bytes > most_bytes:
            self._given_up, self._bytes = len(self._results), 0
            self._results.clear()

    def _keep(self, result: Result) -> None:
        if self._given_up:
            self._given_up += 1
            return
        size = _EACH_BYTES + encoded_size(result.values)
        self._results.append((result, size))
        self._bytes += size

    def take(self) -> Iterator[Result]:
        """Yield what is kept, oldest first, and keep it no longer. Raises InputError if some were given up."""
        self.check()
        while self._results:
            result, size = self._results.popleft()
            self._bytes -= size
            yield result

    def check(self) -> None:
        """Raise InputError when results had to be given up."""
        if not self._given_up:
            return
        raise InputError(
            Problem(
                "results were not kept: too many came while nobody read them",
                field="results",
                found=f"{self._given_up} results given up",
                allowed=f"{MOST_BYTES // 2**20} MB unread during wait() or measure()",
                hint="Read results() first, then call wait(); or write them with RunOptions(results_file=...).",
            )
        )
