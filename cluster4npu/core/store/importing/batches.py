"""Finds that numbers used as keys are batch sizes, where latency times throughput proves it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from cluster4npu.core.store.importing.model import Record

_WITHIN = 0.05


def prove(records: list[Record]) -> None:
    """Set the batch of records whose key is a number equal to latency x throughput, for each of two keys or more.

    `{"latency_ms": {"1": 3.2, "8": 14.6}, "throughput": {"1": 312.5, "8": 547.9}}`: 14.6 ms x 547.9 / s is 8.
    """
    groups: defaultdict[Any, dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        c = record.context
        if c.batch is None and c.label and c.label[-1].isdecimal() and len(c.label[-1]) < 6:
            groups[c.model, c.device, c.precision, c.label[:-1]][int(c.label[-1])].append(record)
    for group in groups.values():
        if len(group) >= 2 and all(_is_batch(number, found) for number, found in group.items()):
            for number, found in group.items():
                for record in found:
                    record.context = record.context.but(batch=number, label=record.context.label[:-1])


def _is_batch(number: int, records: list[Record]) -> bool:
    figures = [
        f
        for record in records
        for f in record.figures
        if not f.samples and f.meaning.statistic in ("value", "mean")
    ]
    times = [f.settled[0] for f in figures if f.meaning.metric == "latency"]
    rates = [f.settled[0] for f in figures if f.meaning.metric == "throughput"]
    return number > 0 and any(
        abs(time * rate / 1000 / number - 1) < _WITHIN for time in times for rate in rates
    )
