"""Finds figures that a file says twice: in a summary, in a nested copy, in printed text."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import defaultdict
from operator import itemgetter

from cluster4npu.core.store.importing.model import Context, Figure, Path, Record
from cluster4npu.core.store.importing.names import base_device

_SURE = 4  # significant digits from which an equal number is no coincidence
_ROUNDED = 3
_COPIED = 3  # equal figures that make a record the copy of another


def drop_repeats(records: list[Record]) -> tuple[list[Record], int]:
    """Return the records without repeated figures, and how many numbers were left out.

    A figure repeats another when metric, statistic and values are equal (or rounded), what is known of both
    agrees, and they are no two items of one list, whose values may be equal by chance.
    """
    kept = _Kept()
    dropped = 0
    for record in sorted(records, key=lambda r: (r.from_text, r.summary or r.context.summary, -_detail(r))):
        fresh = [figure for figure in record.figures if not kept.has(figure, record)]
        dropped += sum(len(figure.values) for figure in record.figures)
        had = bool(record.figures)
        if not any(figure.meaning.family != "count" for figure in fresh):
            fresh = []  # counts that stand beside repeated figures
        for figure in fresh:
            kept.add(figure, record)
        dropped -= sum(len(figure.values) for figure in fresh)
        record.figures[:] = fresh
        record.summary = record.summary or (had and not fresh)
    left = [r for r in records if r.figures or (not r.summary and r.context.status != "ok")]
    return _failures_once(left), dropped


class _Kept:
    """The figures that are kept, found by value. Of items of one list that say the same, one stands for all."""

    def __init__(self) -> None:
        self._near: defaultdict[object, dict[object, tuple[Figure, Record]]] = defaultdict(dict)
        self._sorted: defaultdict[str, list[tuple[float, int, Figure, Record]]] = defaultdict(list)
        self._count = 0

    def has(self, figure: Figure, record: Record) -> bool:
        """Tell whether this figure repeats one that is kept."""
        if figure.digits is None:
            return any(_repeats(figure, record, *other) for other in self._near[_near(figure)].values())
        value, around = figure.settled[0], 0.51 * 10.0**-figure.digits * abs(figure.factor)
        same = self._sorted[figure.meaning.metric]
        first, last = (bisect_left(same, end, key=itemgetter(0)) for end in (value - around, value + around))
        return any(_repeats(figure, record, other, owner) for _, _, other, owner in same[first : last + 1])

    def add(self, figure: Figure, record: Record) -> None:
        """Keep a figure."""
        c = record.context
        who = (c.model, c.device, c.batch, c.sequence, c.precision, c.label, figure.meaning.statistic)
        place = (tuple(re.sub(r"\d+", "#", step) for step in figure.path), who, tuple(figure.settled[:50]))
        if place not in self._near[_near(figure)]:
            self._near[_near(figure)][place] = (figure, record)
            self._count += 1
            insort(
                self._sorted[figure.meaning.metric],
                (figure.settled[0], self._count, figure, record),
                key=itemgetter(0, 1),
            )


def _near(figure: Figure) -> object:
    return figure.meaning.metric, figure.samples, f"{figure.settled[0]:.2e}"


def _detail(record: Record) -> int:
    """Return how much a record tells: the fuller one is kept."""
    context = record.context
    known = sum(
        (bool(context.model), bool(context.device), context.batch is not None, bool(context.recorded_at))
    )
    return sum(len(f.values) for f in record.figures) + known


def _repeats(figure: Figure, record: Record, other: Figure, owner: Record) -> bool:
    if (
        figure.samples != other.samples
        or len(figure.values) != len(other.values)
        or figure.meaning.family == "count"
    ):
        return False
    mine, theirs = figure.meaning.statistic, other.meaning.statistic
    if mine != theirs and {mine, theirs} != {"value", "mean"}:
        return False
    equal = all(_equal(a, b, figure) for a, b in zip(figure.settled, other.settled, strict=True))
    if not equal or not _apart(figure.path, other.path, record is owner):
        return False
    if _is_copy(record, owner):
        return _agree(record.context, owner.context, True, labels=False)
    sure = figure.digits is not None or _digits(figure.values[0]) >= _SURE or len(figure.values) > 2
    return _agree(record.context, owner.context, sure)


def _equal(value: float, other: float, figure: Figure) -> bool:
    if abs(value - other) <= 1e-9 * max(abs(value), abs(other)):
        return True
    if figure.digits is not None:
        return abs(value - other) <= 0.51 * 10.0**-figure.digits * figure.factor
    digits = min(_digits(value / figure.factor), _digits(other / figure.factor))
    return digits >= _ROUNDED and float(f"{value:.{digits}g}") == float(f"{other:.{digits}g}")


def _digits(value: float) -> int:
    """Return how many significant digits a number is written with."""
    return len(re.sub(r"e.*", "", f"{abs(value):.12g}").replace(".", "").strip("0"))


def _apart(path: Path, other: Path, same_record: bool) -> bool:
    """Tell whether two places may hold the same figure: not as two items of a list or of a numbered family."""
    if same_record:
        return path[-1] != other[-1]
    for mine, theirs in zip(path, other, strict=False):
        if mine != theirs:
            return re.sub(r"\d+", "#", mine) != re.sub(r"\d+", "#", theirs)
    return True


def _is_copy(record: Record, owner: Record) -> bool:
    """Tell whether most figures of one record stand in the other: then what encloses the copy tells no variant."""
    told = {(f.meaning.metric, f.meaning.statistic): f for f in owner.figures if not f.samples}
    mine = [f for f in record.figures if not f.samples and f.meaning.family != "count"]
    equal = sum(
        f.settled[0] != 0 and _equal(f.settled[0], told[key].settled[0], f)
        for f in mine
        if (key := (f.meaning.metric, f.meaning.statistic)) in told
    )
    return equal >= _COPIED and 2 * equal > len(mine)


def _agree(mine: Context, theirs: Context, sure: bool, *, labels: bool = True) -> bool:
    pairs = [
        (mine.model, theirs.model), (base_device(mine.device), base_device(theirs.device)),
        (mine.batch, theirs.batch), (mine.sequence, theirs.sequence), (mine.precision, theirs.precision),
    ]  # fmt: skip
    for a, b in pairs:
        if a != b and not (sure and (a in ("", None) or b in ("", None))):
            return False
    one, other = set(mine.label), set(theirs.label)
    return not labels or one <= other or other <= one


def _failures_once(records: list[Record]) -> list[Record]:
    """Leave out a failure that says nothing beyond another of the same model, device and batch."""
    seen: defaultdict[object, list[Record]] = defaultdict(list)
    left = set()
    for record in sorted((r for r in records if not r.figures), key=lambda r: not r.context.error):
        c = record.context
        earlier = seen[c.model, base_device(c.device), c.batch, c.sequence, c.precision]
        if any(_same_failure(record, other) for other in earlier):
            left.add(id(record))
        else:
            earlier.append(record)
    return [record for record in records if id(record) not in left]


def _same_failure(record: Record, other: Record) -> bool:
    mine, theirs = set(record.context.label), set(other.context.label)
    told = not record.context.error or record.context.error == other.context.error
    return told and _apart(record.path, other.path, False) and (mine <= theirs or theirs <= mine)
