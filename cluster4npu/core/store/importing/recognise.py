"""From a file's JSON to rows: walks it, settles units and provenance, leaves out what is said twice."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

from cluster4npu.core.store.importing.batches import prove
from cluster4npu.core.store.importing.metrics import COUNT, is_run_length
from cluster4npu.core.store.importing.model import (
    FAILED,
    OK,
    UNKNOWN_NAME,
    Figure,
    Recognised,
    Record,
    Row,
)
from cluster4npu.core.store.importing.names import base_device
from cluster4npu.core.store.importing.provenance import mark
from cluster4npu.core.store.importing.repeats import drop_repeats
from cluster4npu.core.store.importing.units import BESIDE, COUNTED, NAME, settle
from cluster4npu.core.store.importing.walking import Walker

ZERO = "a failure's zero"
LENGTH, RUN = "how long the whole run was to take", "run_duration"
_FAR = 20.0  # times the longest of what is repeated
_LONG_MS = 30_000  # what is repeated, so that it has a rate, takes less
REPEATED = "said twice in this file"


def recognise(data: Any) -> Recognised:
    """Return the measurements and failures of one JSON document, and what was left out and why.

    >>> recognise({"model": "m", "device": "cpu", "latency_ms": 2.5}).rows[0].value
    2.5
    """
    walker = Walker()
    walker.walk(data)
    _leave_zeros(walker)
    settle(walker.records, browser=walker.browser)
    prove(walker.records)
    mark(walker.records, walker.made_up)
    _leave_run_lengths(walker)
    records, repeated = drop_repeats(walker.records)
    for record in records:
        for figure in record.figures:
            figure.path = walker.places.real(figure.path)
    found = Recognised(
        _shape(records), [], walker.numbers, dict(walker.skipped), dict(walker.unknown.most_common(50))
    )
    if repeated:
        found.skipped[REPEATED] = repeated
    found.records = records
    for record in records:
        found.rows += _rows(record)
    if counts := sum(
        len(f.values) for record in records for f in record.figures if f.meaning.family == "count"
    ):
        found.skipped[COUNT] = found.skipped.get(COUNT, 0) + counts
    assumed = Counter(row.unit_rule for row in found.rows if row.unit_rule.startswith("assumed"))
    found.notes = [f"unit of {count} figures {rule}" for rule, count in sorted(assumed.items())]
    return found


def _leave_zeros(walker: Walker) -> None:
    """Leave out the zeros that a failure carries in place of figures; the failure stays."""
    for record in walker.records:
        values = [value for figure in record.figures for value in figure.values]
        if record.context.status == FAILED and values and not any(values):
            walker.skipped[ZERO] += len(values)
            record.figures.clear()


def _leave_run_lengths(walker: Walker) -> None:
    """Tell whole runs' times from those of what was measured in them; leave out round ones, which were asked for.

    `duration`, `test_time`, `elapsed_s`
    """
    times = [f for record in walker.records for f in record.figures if f.meaning.family in ("time", "rate")]
    measured = {
        (record.context.model, record.context.device)
        for record in walker.records
        if any(f.meaning.metric == "latency" and not is_run_length(f.name) for f in record.figures)
    }
    elsewhere = any(not is_run_length(figure.name) for figure in times)
    for record in walker.records:
        lengths = [f for f in record.figures if f.meaning.family == "time" and is_run_length(f.name)]
        families = {f.meaning.family for f in record.figures if f not in lengths}
        beside = "time" in families or {"rate", "count"} <= families
        who = (record.context.model, record.context.device)
        nameless = elsewhere and (who == ("", "") or (who in measured and families == set()))
        for figure in _wholes(record):
            figure.meaning = replace(figure.meaning, metric=RUN)
        for figure in lengths:
            long = "rate" in families and figure.settled[0] >= _LONG_MS
            if not (beside or nameless or long or figure.unit_rule == COUNTED):
                continue
            if figure.unit_rule in (NAME, BESIDE, COUNTED) and any(v != round(v) for v in _tenths(figure)):
                figure.meaning = replace(figure.meaning, metric=RUN)  # a clock's, and nobody's wish
            else:
                record.figures.remove(figure)
                walker.skipped[LENGTH] += len(figure.values)
    walker.records[:] = [r for r in walker.records if r.figures or r.context.status != OK]


def _wholes(record: Record) -> list[Figure]:
    """Return times called latencies that are far beyond the statistics of the latency beside them: the run's."""
    latencies = [f for f in record.figures if f.meaning.metric == "latency" and not f.samples]
    told = [f.settled[0] for f in latencies if f.meaning.statistic != "value"]
    return [
        f for f in latencies if f.meaning.statistic == "value" and told and f.settled[0] > _FAR * max(told)
    ]


def _tenths(figure: Figure) -> list[float]:
    """Return a time's values in tenths of a second."""
    return [value / 100 for value in figure.settled]


def _rows(record: Record) -> list[Row]:
    if not record.figures:
        return [_row(record, None, None, 0.0, digest_of(record))]
    digest = digest_of(record)
    return [
        _row(record, figure, position, value, digest)
        for figure in record.figures
        if figure.meaning.family != "count"
        for position, value in enumerate(figure.settled)
    ]


def _row(record: Record, figure: Figure | None, position: int | None, value: float, digest: str) -> Row:
    c = record.context
    scope = "failure" if figure is None else "sample" if figure.samples else "text" if record.from_text else (
        "summary" if c.summary else "figure")  # fmt: skip
    path = (
        record.path if figure is None else (*figure.path, f"[{position}]") if figure.samples else figure.path
    )
    return Row(
        path="/".join(path)[:1000],
        model=c.model or UNKNOWN_NAME,
        device=c.device or UNKNOWN_NAME,
        batch_size=c.batch,
        sequence_length=c.sequence,
        precision=c.precision,
        variant="/".join(c.label)[:300],
        recorded_at=c.recorded_at,
        metric=figure.meaning.metric if figure else "failure",
        statistic=("sample" if figure.samples else figure.meaning.statistic) if figure else "",
        position=position if figure and figure.samples else None,
        value=value if figure else None,
        unit=figure.target if figure else "",
        source_value=figure.values[position or 0] if figure else None,
        source_unit=figure.unit if figure else "",
        unit_rule=figure.unit_rule if figure else "",
        provenance="formula" if figure and figure.meaning.formula and record.provenance == "imported"
        else record.provenance,
        status=c.status if figure else c.status if c.status != "ok" else FAILED,
        error=c.error,
        scope=scope,
        digest=digest,
    )  # fmt: skip


def digest_of(record: Record) -> str:
    """Return a hash of what a record says, wherever it stands: a copy in another file has the same."""
    c = record.context
    figures = sorted(
        (f.meaning.metric, f.meaning.statistic, [repr(v) for v in f.settled]) for f in record.figures
    )
    told = [c.model, base_device(c.device), c.batch, c.sequence, c.precision, c.recorded_at, c.error, figures]
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()


def _shape(records: list[Record]) -> str:
    """Return the form of a file: the commonest place of its records, with names and numbers taken out."""
    forms: Counter[str] = Counter()
    for record in records:
        names = {record.context.model, record.context.device}
        steps = ["NAME" if step in names else re.sub(r"\d+", "#", step) for step in record.path]
        forms["/".join(steps)[:200] or "one object"] += 1
    return forms.most_common(1)[0][0] if forms else "nothing recognised"
