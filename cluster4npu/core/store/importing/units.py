"""Settles the unit of every figure. The order of the rules, and what each proves, stands in docs/importing.md."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cluster4npu.core.store.importing.assuming import SIZE_RULE, assume_alike, assume_together, settle_in
from cluster4npu.core.store.importing.model import Figure, Path, Record
from cluster4npu.core.store.importing.names import base_device
from cluster4npu.core.store.importing.unnamed import OWN
from cluster4npu.core.store.importing.vocabulary import (
    ENERGY_UNITS,
    LATENCY,
    PERCENT,
    POWER_UNITS,
    SIZE_UNITS,
    TIME_UNITS,
)
from cluster4npu.core.store.importing.words import words

NAME, BESIDE, RATE, COUNTED, SAMPLES, TOTAL, RELATIVES = (
    "name", "unit beside it", "throughput x latency", "count / throughput", "mean of its samples", "total / iterations",
    "same field elsewhere in the file",
)  # fmt: skip
UNNAMED = "name not known: as it stands"
_UNITS = {"time": TIME_UNITS, "size": SIZE_UNITS, "energy": ENERGY_UNITS, "power": POWER_UNITS}
_DEFAULT = {"energy": "j", "power": "w"}
_MOST_IN_FLIGHT = 100  # items at once: latency times throughput is no more, and no less than a third of one
_CANDIDATES = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_WHOLE = {"duration", "elapsed", "runtime", "walltime", "wall", "total", "execution"}
_CLOSE = 1.05
_LONGEST_WAIT_S = 300.0  # for one of many that are in flight
_SPREADS = ("std", "variance", "iqr", "mad")
_NEAR = 3.0  # a factor: candidates are a thousand apart
_WEB = ("webgpu", "webnn", "wasm", "webgl")


def settle(records: list[Record], *, browser: bool = False) -> None:
    """Give each figure its factor, target unit and the rule by which they were found.

    `browser`: the file tells of a browser, whose clock counts milliseconds.
    """
    groups: defaultdict[Any, list[Record]] = defaultdict(list)
    for record in records:
        c = record.context
        groups[(c.model, base_device(c.device), c.batch, c.sequence, c.precision, c.label)].append(record)
        for figure in record.figures:
            _plain(record, figure)
    for group in groups.values():
        _by_evidence([figure for record in group for figure in record.figures], group[0].context.batch)
    _by_relatives(records)
    devices = {base_device(record.context.device) for record in records} - {""}
    browser = browser and devices <= {
        *_WEB,
        "gpu",
        "cpu",
        "npu",
    }  # a program that has other devices, too, is none
    for record in records:
        assume_together([figure for figure in record.figures if not figure.unit_rule], browser)
    assume_alike([figure for record in records for figure in record.figures])


def _plain(record: Record, figure: Figure) -> None:
    """Settle what the name, the value's own text, or a unit beside it says."""
    known = figure.meaning
    table = _UNITS.get(known.family)
    beside = (figure.beside or record.context.units).lower()
    if known.family == "rate" and known.unit == "items/s" and beside.rpartition("/")[2] in ("s", "min"):
        settle_in(figure, f"items{beside}" if beside.startswith("/") else beside, BESIDE)
        return
    shares = all(0 <= value <= 1 for value in figure.values) and any(0 < value < 1 for value in figure.values)
    if known.unit == "%" and not figure.unit and shares and not set(words(figure.name)) & PERCENT:
        settle_in(figure, "ratio", SIZE_RULE)
        return
    if known.family == OWN:
        settle_in(figure, known.unit, UNNAMED)
        return
    if figure.unit:
        settle_in(figure, figure.unit, NAME)
    elif known.unit or table is None:
        settle_in(figure, known.unit, NAME)
    elif beside in table:
        settle_in(figure, beside, BESIDE)
    elif known.family in _DEFAULT:
        settle_in(figure, _DEFAULT[known.family], NAME)


def _by_evidence(figures: list[Figure], batch: int | None) -> None:
    open_times = [f for f in figures if not f.unit_rule and f.meaning.family == "time"]
    if not open_times:
        return
    rate = next(
        (
            f.values[0]
            for f in figures
            if f.meaning.metric == "throughput" and not f.samples and f.values[0] > 0
        ),
        0,
    )
    _by_counts(figures, open_times)
    for figure in open_times:
        if (
            not figure.unit_rule
            and figure.meaning.metric in ("latency", "step_time")
            and rate
            and not set(words(figure.name)) & _WHOLE
        ):
            unit = _by_rate(figure, rate, batch)
            if unit:
                settle_in(figure, unit, RATE)
    _by_the_same_clock(open_times)
    _by_each_other(figures, [f for f in open_times if not f.unit_rule])
    _by_the_same_clock(open_times)


def _by_counts(figures: list[Figure], pending: list[Figure]) -> None:
    """Settle the time of a whole run: what was counted in it, over the time, is one of the rates."""
    counts = [f.values[0] for f in figures if f.meaning.family == "count" and f.values[0] > 0]
    rates = [f.values[0] for f in figures if f.meaning.family == "rate" and f.values[0] > 0 and not f.samples]
    for figure in pending:
        if figure.samples or figure.values[0] <= 0 or figure.meaning.statistic != "value":
            continue
        if set(words(figure.name)) & LATENCY:
            continue
        for unit, per_s in _CANDIDATES.items():
            if any(
                abs(math.log(figure.values[0] / per_s * rate / count)) < math.log(_CLOSE)
                for rate in rates
                for count in counts
                if count > 1
            ):
                settle_in(figure, unit, COUNTED)
                figure.meaning = replace(figure.meaning, metric="total_time")


def _by_rate(figure: Figure, rate: float, batch: int | None) -> str:
    if figure.meaning.statistic in _SPREADS:
        return ""
    typical = statistics.fmean(figure.values)
    if typical <= 0:
        return ""
    off = {
        unit: min(abs(math.log(typical * rate / (items * per_s))) for items in {1, batch or 1})
        for unit, per_s in _CANDIDATES.items()
    }
    best = min(off, key=lambda unit: off[unit])
    if off[best] < math.log(_NEAR):
        return best
    if figure.meaning.statistic == "value" and not set(words(figure.name)) & LATENCY:
        return ""
    in_flight = {unit: typical * rate / (per_s * (batch or 1)) for unit, per_s in _CANDIDATES.items()}
    return next(
        (
            unit for unit, items in in_flight.items()
            if 1 / _NEAR < items < _MOST_IN_FLIGHT and typical / _CANDIDATES[unit] < _LONGEST_WAIT_S
        ),
        "",
    )  # fmt: skip


def _by_the_same_clock(open_times: list[Figure]) -> None:
    """Settle the other times of an object in which a whole run's time was proven: one program, one clock."""
    for figure in open_times:
        clocks = [
            f for f in open_times if f.path[:-1] == figure.path[:-1] and not f.samples
            and (f.unit_rule == COUNTED or (f.unit == "s" and f.unit_rule == RELATIVES))
        ]  # fmt: skip
        if clocks and not figure.unit_rule and not figure.samples:
            settle_in(figure, clocks[0].unit, RELATIVES)


def _by_each_other(figures: list[Figure], pending: list[Figure]) -> None:
    """Settle by a mean beside its samples, a total beside its iterations, or the same metric's other statistics."""
    for figure in pending:
        metric = figure.meaning.metric
        known = [
            f for f in figures if f.unit_rule and f.meaning.family == "time" and f.meaning.metric == metric
        ]
        mine = statistics.fmean(figure.values)
        if known and figure.meaning.statistic in _SPREADS:
            settle_in(figure, known[0].unit, RELATIVES)
            continue
        if twins := [
            f
            for f in known
            if f.path[:-1] == figure.path[:-1] and not f.meaning.unit and f.unit_rule != BESIDE
        ]:
            settle_in(figure, twins[0].unit, RELATIVES)
            continue
        for other in known:
            theirs = statistics.fmean(other.settled)
            for unit in _CANDIDATES:
                if (
                    mine > 0
                    and theirs > 0
                    and abs(math.log(mine * TIME_UNITS[unit] / theirs)) < math.log(_NEAR)
                ):
                    settle_in(figure, unit, SAMPLES if figure.samples or other.samples else RELATIVES)
        if figure.unit_rule or metric != "latency" or figure.samples:
            continue
        runs = next(
            (
                f.values[0]
                for f in figures
                if f.meaning.metric in ("iterations", "num_runs", "runs", "rounds")
            ),
            0,
        )
        total = next((f for f in figures if f.meaning.metric == "total_time" and f.unit_rule), None)
        for unit in _CANDIDATES:
            if total and runs > 0 and mine > 0 and abs(
                math.log(mine * TIME_UNITS[unit] * runs / max(total.settled[0], 1e-12))
            ) < math.log(1.5):  # fmt: skip
                settle_in(figure, unit, TOTAL)


def _by_relatives(records: list[Record]) -> None:
    """Settle an unlabelled field as the same metric that evidence settled, nearest in the file first."""
    known: dict[tuple[Path, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for figure, path in _each(records):
        if (
            figure.meaning.family == "time"
            and figure.unit_rule in (RATE, SAMPLES, TOTAL, BESIDE)
            and not figure.meaning.unit
        ):
            for depth in range(len(path)):
                known[path[:depth], figure.meaning.metric][figure.unit] += 1
    for figure, path in _each(records):
        if figure.unit_rule or figure.meaning.family != "time":
            continue
        for depth in range(len(path) - 1, -1, -1):
            units = known.get((path[:depth], figure.meaning.metric))
            if units:
                settle_in(figure, max(units, key=lambda unit: units[unit]), RELATIVES)
                break


def _each(records: list[Record]) -> Iterable[tuple[Figure, Path]]:
    return ((figure, figure.path) for record in records for figure in record.figures)
