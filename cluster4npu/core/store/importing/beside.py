"""What stands beside a field tells of it: bare statistics, lists of one length, counts, clocks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from cluster4npu.core.store.importing.keys import by_key
from cluster4npu.core.store.importing.metrics import (
    MEASURE,
    Meaning,
    is_run_length,
    meaning,
)
from cluster4npu.core.store.importing.model import Context, Path
from cluster4npu.core.store.importing.unit_words import of_unit
from cluster4npu.core.store.importing.values import are_numbers, is_epoch, is_finite, is_number
from cluster4npu.core.store.importing.vocabulary import WORK
from cluster4npu.core.store.importing.words import statistic_of, words

_STEPS = {"backward", "optimizer", "step", "total"}
_FAR = 1e4  # times the least: no tail is longer
NAMING = (
    "metric",
    "metric_name",
    "measure",
    "measurement",
    "name",
    "key",
    "variable",
    "quantity",
    "kpi",
    "title",
    "id",
    "display_name",
    "displayName",
    "identifier",
    "label",
)
_RANK = re.compile(r"p\d.*")
_CLOCK_WORDS = {"time", "ts", "t", "wall", "clock", "ms", "s", "us", "ns", "sec"}


def bare_statistics(node: Mapping[str, Any], path: Path, units: str) -> Meaning | None:
    """Return what the numbers of an object called `Statistics` are that holds its samples beside their mean: times.

    Nothing around it may say another metric.
    """
    if not path or not set(words(path[-1])) & {"statistics", "stats"} or len(node) < 4:
        return None
    if any(meaning(step).kind == MEASURE for step in path):
        return None
    plain = {"_".join(words(str(key))): value for key, value in node.items()}
    mean = plain.get("mean", plain.get("average", plain.get("avg")))
    told = {statistic_of(words(key)) for key, value in node.items() if is_number(value)} - {""}
    samples = [v for v in node.values() if are_numbers(v) and len(v) > 1 and all(map(is_finite, v))]
    if mean is None or not is_finite(mean) or len(told) < 3:
        return None
    if not any(abs(fmean(each) - float(mean)) <= 0.01 * abs(float(mean)) for each in samples):
        return None
    said = of_unit(units)
    return said if said.kind == MEASURE else Meaning(MEASURE, "latency", "value", "", "time")


def is_over_batches(values: Sequence[Any], node: Mapping[str, Any], here: Context) -> bool:
    """Tell whether a list has a figure for each batch size that is listed around it, as the lists beside it do."""
    if here.batch is not None or len(values) < 2 or len(values) != len(here.batches):
        return False
    beside = [
        str(key) for key, value in node.items() if isinstance(value, list) and len(value) == len(values)
    ]
    families = {meaning(key).family for key in beside}
    return {"time", "rate"} <= families or any(_RANK.fullmatch(statistic_of(words(key))) for key in beside)


def is_a_log_lines_clock(name: str, node: Mapping[str, Any]) -> bool:
    """Tell whether a bare time stands beside a named value, as `{"key": ..., "value": ..., "time_ms": 12.3}` has it."""
    parts = set(words(name))
    return (
        bool({"value", "values"} & set(node)) and any(isinstance(node.get(told), str) for told in NAMING)
        and parts <= _CLOCK_WORDS and bool(parts & {"time", "ts", "t", "clock"})
    )  # fmt: skip


def is_of_another(name: str, node: Mapping[str, Any]) -> bool:
    """Tell whether the unit beside belongs to another field: `score` beside `numericValue` and `numericUnit`."""
    fields = {"_".join(words(str(key))) for key in node}
    own = "_".join(words(name))
    pairs = {f"{field[:-5]}_value" for field in fields if field.endswith("_unit")} & fields
    return bool(pairs) and own not in pairs


def is_histogram(value: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    """Tell whether an object counts how often each value came, as many as are counted beside it."""
    keys, counts = list(map(str, value)), list(value.values())
    if len(keys) < 2 or not all(key.isdecimal() for key in keys) or not all(map(is_number, counts)):
        return False
    total = sum(counts)
    return all(count == int(count) for count in counts) and any(
        is_number(told) and told == total and meaning(str(name)).family == "count"
        for name, told in node.items()
    )


def of_parent(found: Meaning, place: Path) -> Meaning:
    """Return the meaning with the statistic that the enclosing key tells: `{"mean": {"point_estimate": ...}}`."""
    if found.statistic != "value" or len(place) < 2:
        return found
    return replace(found, statistic=statistic_of(words(place[-2])) or "value")


def bare(node: Mapping[str, Any], found: Meaning, units: str, place: Path) -> Meaning:
    """Take a lone `mean` for a time where its unit, a rate (mean x rate = 1) or samples beside it say so."""
    if (said := of_unit(units, found.statistic)).kind == MEASURE:
        return said
    if (beside := _of_the_time_beside(node, found, place)) is not None:
        return beside
    mean = node.get("mean", node.get("avg"))
    told = {statistic_of(words(str(key))) for key, value in node.items() if is_number(value)} - {""}
    if len(told) > 2 and any(
        meaning(str(k)).metric == "throughput" and is_finite(v) for k, v in node.items()
    ):
        return Meaning(MEASURE, "latency", found.statistic, "", "time")
    for name, rate in node.items():
        known = meaning(str(name))
        if known.family == "rate" and is_finite(rate) and is_finite(mean) and abs(mean * rate - 1) < 0.5:
            return Meaning(MEASURE, "latency", found.statistic, "s", "time")
        if (
            known.family == "time"
            and are_numbers(rate)
            and all(map(is_finite, [mean, *rate]))
            and abs(fmean(rate) - mean) <= 0.01 * abs(mean)
        ):
            return replace(known, statistic=found.statistic)
    return found


def _of_the_time_beside(node: Mapping[str, Any], found: Meaning, place: Path) -> Meaning | None:
    """Return what `p99` or `max` alone means: of the one time beside it, of what is counted a second, or of itself."""
    if found.statistic == "value":
        return None
    numbers = [str(key) for key, value in node.items() if is_number(value)]
    known = [meaning(key) for key in numbers if not is_run_length(key)]
    times = {m.metric: m for m in known if m.family == "time" and m.statistic in ("value", "mean", "p50")}
    ranks = [rank for key in numbers if _RANK.fullmatch(rank := statistic_of(words(key)))]
    if len(times) == 1 and ranks:
        return replace(next(iter(times.values())), statistic=found.statistic)
    if not ranks or not (any(m.family == "rate" for m in known) or len(ranks) > 1):
        return None
    around = place[-2] if len(place) > 1 else ""
    work = meaning(f"{around}_time") if set(words(around)) & WORK else None
    if work is not None and work.kind == MEASURE:
        return replace(work, statistic=found.statistic)
    plain = not around or around.startswith("[") or not by_key(Context(), around, "", {}).label
    if plain or any(m.family == "rate" for m in known):
        return Meaning(MEASURE, "latency", found.statistic, "", "time")
    return None


def is_among_durations(found: Meaning, values: Sequence[Any], node: Mapping[str, Any]) -> bool:
    """Tell whether a large number is a time's statistic, in ns: some statistic beside it is no stamp, and not afar."""
    if found.family != "time" or found.statistic == "value" or not all(map(is_finite, values)):
        return False
    beside = [v for k, v in node.items() if is_finite(v) and v > 0 and statistic_of(words(str(k)))]
    largest = max(values)
    return any(not is_epoch(v) and v <= largest * 10 and largest < v * _FAR for v in beside if v != largest)


def is_among_work(names: tuple[str, ...], values: Sequence[Any], node: Mapping[str, Any]) -> bool:
    """Tell whether a bare `forward` is a time, since other work stands beside it so: `backward`, `optimizer_step`."""
    if not set(names) <= WORK | _STEPS or not all(isinstance(value, float) for value in values):
        return False
    beside = {words(str(key)) for key, value in node.items() if isinstance(value, float)}
    return sum(set(parts) <= WORK | _STEPS and bool(set(parts) & WORK) for parts in beside) > 1
