"""Trends: the same benchmark over time, and the runs from which on it became another.

Runs belong to one trend when they ask the same question on the same devices of the same machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np

from cluster4npu.core.store.records import RunRow

_LEAST = 3  # runs on either side of a change
_PERMUTATIONS = 199
_SIGNIFICANT = 0.05
_NO_LIBRARY = "change points are not reported: ruptures, which finds them, is not there for this Python"
_LONGEST = 300  # of the newest runs: the test compares each with each


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One valid run."""

    run_id: str
    at: datetime
    fps: float


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """The first run of a new level; `ratio` is the mean of the runs after it (to the next change) over those before."""

    run_id: str
    index: int
    before: float
    after: float

    @property
    def ratio(self) -> float:
        return self.after / self.before if self.before else 0.0


@dataclass(frozen=True, slots=True)
class Trend:
    """Runs of one question, oldest first, and its change points."""

    name: str
    points: tuple[TrendPoint, ...]
    changes: tuple[ChangePoint, ...]
    simulated: bool
    note: str = ""  # why there are no change points, where none could be looked for

    def as_dict(self) -> dict[str, Any]:
        """Return the trend as JSON holds it."""
        points = [{**asdict(point), "at": point.at.isoformat()} for point in self.points]
        changes = [{**asdict(change), "ratio": change.ratio} for change in self.changes]
        told = {"name": self.name, "simulated": self.simulated, "points": points, "changes": changes}
        return {**told, "note": self.note} if self.note else told


def trends(rows: Sequence[RunRow], seed: int = 0) -> list[Trend]:
    """Group runs into trends with their change points, the longest trend first; INVALID runs are left out."""
    groups: dict[tuple[str, ...], list[RunRow]] = {}
    for row in rows:
        if _counts(row):
            groups.setdefault(_key(row), []).append(row)
    return sorted(
        (_trend(group, seed) for group in groups.values()), key=lambda t: len(t.points), reverse=True
    )


def trend_of(rows: Sequence[RunRow], run_id: str, seed: int = 0) -> Trend | None:
    """Return the trend to which one of these runs belongs; None for a run that is INVALID or has no rate."""
    one = next((row for row in rows if row.id == run_id), None)
    if one is None or not _counts(one):
        return None
    return _trend([row for row in rows if _counts(row) and _key(row) == _key(one)], seed)


def change_points(values: Sequence[float] | np.ndarray, seed: int = 0) -> list[int]:
    """Return the indices at which a series changes its distribution, ascending.

    As E-divisive does (D. S. Matteson and N. A. James, A Nonparametric Approach for Multiple Change Point Analysis of
    Multivariate Data, JASA 109, 2014): the best split of a stretch is tested against random orders of it, and where
    it is significant each part is split again. The split is `ruptures`' kernel method, which as the energy distance
    asks nothing of the distribution. Needs three values on either side.
    """
    series = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    found: list[int] = []
    stretches = [(0, len(series))]
    while stretches:
        begin, end = stretches.pop()
        part = series[begin:end]
        if len(part) < 2 * _LEAST or np.ptp(part) == 0:
            continue
        split, gain = _split(part)
        larger = sum(_split(rng.permutation(part))[1] >= gain for _ in range(_PERMUTATIONS))
        if (larger + 1) / (_PERMUTATIONS + 1) <= _SIGNIFICANT:
            found.append(begin + split)
            stretches += [(begin, begin + split), (begin + split, end)]
    return sorted(found)


def _split(part: np.ndarray) -> tuple[int, float]:
    """Return where a stretch is best cut in two, and how much that lowers its cost."""
    from ruptures import KernelCPD  # takes a while, with SciPy

    search = KernelCPD(kernel="rbf", min_size=_LEAST).fit(part.reshape(-1, 1))
    split = int(search.predict(n_bkps=1)[0])
    cost = search.cost
    return split, float(cost.error(0, len(part)) - cost.error(0, split) - cost.error(split, len(part)))


def _trend(rows: list[RunRow], seed: int) -> Trend:
    rows = sorted(rows, key=lambda row: (row.created_at, row.id))[-_LONGEST:]
    values = np.array([row.fps for row in rows], dtype=np.float64)
    note = "" if find_spec("ruptures") else _NO_LIBRARY
    cuts = [] if note else change_points(values, seed)
    edges = [0, *cuts, len(values)]
    means = [float(values[a:b].mean()) for a, b in pairwise(edges)]
    changes = tuple(
        ChangePoint(rows[cut].id, cut, means[number], means[number + 1]) for number, cut in enumerate(cuts)
    )
    points = tuple(TrendPoint(row.id, row.created_at, row.fps or 0.0) for row in rows)
    first = rows[0]
    parts = (first.pipeline_name, first.scenario or first.kind, ", ".join(first.devices), first.host)
    return Trend(" · ".join(part for part in parts if part), points, changes, first.simulated, note)


def _counts(row: RunRow) -> bool:
    return row.valid and row.fps is not None


def _key(row: RunRow) -> tuple[str, ...]:
    return (
        row.kind,
        row.scenario,
        row.pipeline_digest,
        row.model,
        *row.devices,
        row.host,
        str(row.simulated),
    )
