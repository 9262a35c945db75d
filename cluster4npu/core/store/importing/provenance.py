"""Tells figures that were not measured: said to be simulated or computed, or all on one straight line."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from cluster4npu.core.store.importing.model import FORMULA, IMPORTED, SIMULATED, Context, Record
from cluster4npu.core.store.importing.names import base_device, device_word
from cluster4npu.core.store.importing.words import words

_EXACT = 1e-9
_DIGITS = 2.5  # of values on one line, beyond the two that make it


def mark(records: list[Record], made_up: Collection[str] = ()) -> None:
    """Set each record's provenance; simulated goes before formula-made.

    `made_up` are devices of which the object that describes them says so: it is so wherever the file tells of them.
    """
    for record in records:
        context, device = record.context, base_device(record.context.device)
        told = any(_is_of(item, context) for item in context.simulated_devices)
        if context.simulated or told or device in made_up:
            record.provenance = SIMULATED
        elif context.formula:
            record.provenance = FORMULA
    series: defaultdict[Any, list[Record]] = defaultdict(list)
    for record in records:
        c = record.context
        if c.batch is not None and record.figures and record.provenance == IMPORTED:
            series[(c.model, c.device, c.sequence, c.precision, c.label, record.path[:-1])].append(record)
    for group in series.values():
        if _computed(group):
            for record in group:
                record.provenance = FORMULA


def _is_of(item: str, context: Context) -> bool:
    """Tell whether a record is of what a list of simulated things names: `npu`, `npu0`, `safari/webgpu`."""
    device = base_device(context.device)
    told = {device, *words(context.device), *words(context.model), *words(context.browser), *context.label}
    parts = [device_word(word) or word for word in words(item)]
    return bool(parts) and set(parts) <= told


def _computed(group: list[Record]) -> bool:
    """Tell whether figures at several batch sizes follow a formula.

    No samples, and the throughput is an exact multiple of the batch size, in whole numbers only (or, from
    three sizes on, every metric is an exact line over the batch size, or one time is, with digits enough; what is
    derived from it is no line). What is measured never is.
    """
    sizes = [record.context.batch or 0 for record in group]
    if (
        len(set(sizes)) < 2
        or len(set(sizes)) < len(sizes)
        or any(f.samples for r in group for f in r.figures)
    ):
        return False
    curves: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for record in group:
        for figure in record.figures:
            if figure.meaning.family in ("time", "rate", "size"):
                curves[figure.meaning.metric, figure.meaning.statistic].append(figure.values[0])
    full = {key: values for key, values in curves.items() if len(values) == len(group)}
    rates = [values for (metric, _), values in full.items() if metric.endswith("throughput")]
    is_whole = all(value == int(value) for values in full.values() for value in values)
    proportional = any(
        abs(values[0] / sizes[0] - value / size) <= _EXACT * abs(value)
        for values in rates for value, size in [(values[-1], sizes[-1])] if sizes[0] and size
    ) and all(_line(sizes, values) for values in rates)  # fmt: skip
    lines = len(group) >= 3 and len(full) >= 2 and all(_line(sizes, values) for values in full.values())
    varies = any(len(set(values)) > 1 for values in full.values())
    times = [_time_values(group, metric, statistic) for metric, statistic in full]
    if len(group) >= 3 and any(_surely_a_line(sizes, values) for values in times if values):
        return True
    return (bool(rates) and proportional and is_whole and len(full) >= 2) or (lines and varies)


def _time_values(group: list[Record], metric: str, statistic: str) -> list[float]:
    """Return a time at every size, as the file writes it; [] where it is no time."""
    return [
        f.values[0] for r in group for f in r.figures
        if f.meaning.family == "time" and (f.meaning.metric, f.meaning.statistic) == (metric, statistic)
    ]  # fmt: skip


def _surely_a_line(sizes: list[int], values: list[float]) -> bool:
    """Tell whether a time that grows lies on a line by more digits than chance gives: those beyond the first two."""
    decimals = max(len(f"{value:.12g}".partition(".")[2]) for value in values)
    if not decimals or len(set(values)) < 3 or not _line(sizes, values):
        return False
    digits = [math.log10(max(abs(value), 1e-12) * 10**decimals) for value in sorted(values)[2:]]
    return sum(max(each, 0.0) for each in digits) >= _DIGITS


def _line(sizes: list[int], values: list[float]) -> bool:
    slope = (values[-1] - values[0]) / (sizes[-1] - sizes[0])
    return all(
        abs(values[0] + slope * (size - sizes[0]) - value) <= _EXACT * max(abs(value), 1.0)
        for size, value in zip(sizes, values, strict=True)
    )
