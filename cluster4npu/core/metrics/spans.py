"""When each node of a run in one process computed, on which frame: a row for every computation."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Times are ns of the run's clock: time.monotonic_ns(), or those of a run that does not wait.
SPAN = np.dtype(
    [
        ("node", np.int16),  # index into the names
        ("kind", np.uint8),
        ("frame", np.int64),  # of the oldest input; -1: none
        ("begun_ns", np.int64),
        ("ended_ns", np.int64),
    ]
)
COMPUTED, DELIVERED, SWITCHED = range(3)  # SWITCHED: the run went over to the mode of that name
_MOST = 200_000  # the last ones


@dataclass(frozen=True, slots=True)
class NodeTrace:
    """`rows` is a SPAN array, in the order of their ends; `names` are those of nodes and modes."""

    names: tuple[str, ...]
    rows: np.ndarray


class SpanLog:
    """Collects rows, the last 200,000 of them. Used by the thread that computes."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._rows: deque[tuple[int, int, int, int, int]] = deque(maxlen=_MOST)

    def add(self, kind: int, name: str, frame: int, begun_ns: int, ended_ns: int) -> None:
        """Note one row."""
        number = self._names.setdefault(name, len(self._names))
        self._rows.append((number, kind, frame, begun_ns, ended_ns))

    def trace(self, first: Sequence[str] = ()) -> NodeTrace:
        """Return what was noted; names in the order of `first`, then of their appearance."""
        names = [*(n for n in first if n in self._names), *(n for n in self._names if n not in first)]
        rows = np.array(list(self._rows), SPAN)
        if len(rows):
            place = {name: at for at, name in enumerate(names)}
            rows["node"] = np.array([place[name] for name in self._names], np.int16)[rows["node"]]
        return NodeTrace(tuple(names), rows)
