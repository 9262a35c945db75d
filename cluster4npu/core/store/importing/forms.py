"""Forms in which an object writes one measurement: named values, intervals, ranks, activities."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cluster4npu.core.store.importing.beside import NAMING
from cluster4npu.core.store.importing.labels import labelled
from cluster4npu.core.store.importing.metrics import (
    MEASURE,
    Meaning,
    meaning,
)
from cluster4npu.core.store.importing.model import Path
from cluster4npu.core.store.importing.unit_words import of_unit, plain_unit
from cluster4npu.core.store.importing.values import are_numbers, is_number
from cluster4npu.core.store.importing.vocabulary import BEFORE, TIMES, WORK
from cluster4npu.core.store.importing.words import rank_of, statistic_of, words

VALUES = {"score", "value", "values", "val", "result", "estimate", "point_estimate", "measured", "measurement",
           "reading", "data", "raw", "raw_data", "samples", "times", "all", "numeric_value", "benchmark_values",
           "measured_value", "measurements", "metric_value", "observed", "score_error", "magnitude",
           "amount"}  # fmt: skip
SIDES = {
    "after",
    "baseline",
    "before",
    "candidate",
    "contender",
    "current",
    "new",
    "old",
    "previous",
    "reference",
}
_STATISTIC_FIELDS = (
    "aggregate_name",
    "stat",
    "statistic",
    "aggregation",
    "aggregate",
    "agg",
    "percentile",
    "quantile",
)
_KINDS = {
    "time": "time",
    "latency": "latency",
    "duration": "time",
    "throughput": "throughput",
    "memory": "memory",
}
_TELLS_KIND = ("contains", "quantity", "dimension", "measure", "metric_type", "kind")
_ACTIVITY = re.compile(r"[a-z]{3,}ing|blocked")
_ESTIMATE = {"point_estimate", "standard_error", "confidence_interval"}
_RANK_FIELDS = ("p", "percentile", "quantile", "q", "rank", "pct")


def said_unit(value: Any) -> Meaning | None:
    """Return what a value is beside which a unit is said, `{"value": 2.5, "unit": "s"}`; None where none is."""
    if not isinstance(value, dict) or not any(
        "_".join(words(str(k))) in VALUES and is_number(v) for k, v in value.items()
    ):
        return None
    unit = next(
        (v for k, v in value.items() if str(k).lower() in ("unit", "units") and isinstance(v, str)), ""
    )
    said = of_unit(plain_unit(unit)) if unit else None
    return said if said is not None and said.kind == MEASURE else None


def are_rounds(name: str, units: str, inside: Meaning | None) -> bool:
    """Tell whether a list of lists of numbers is samples of several rounds."""
    found = meaning(name, inside)
    return found.family in ("time", "rate") or (
        "_".join(words(name)) in VALUES and (inside is not None or of_unit(units).kind == MEASURE)
    )


def named_metric(node: Mapping[str, Any], path: Path) -> Meaning | None:
    """Return what the values of an object mean that says so itself, None where it does not.

    `{"metric": "latency_ms", "value": 12.5}`, `{"contains": "time", "values": {"avg": 12.5}}`, or an estimate with its
    interval, as criterion writes it (always ns).
    """
    if set(node) >= _ESTIMATE and path:
        return Meaning(MEASURE, "latency", statistic_of(words(path[-1])) or path[-1], "ns", "time")
    if any("_".join(words(str(name))) in VALUES | SIDES for name in node):
        for name in NAMING:
            told = node.get(name)
            told = labelled(told)[1] if isinstance(told, str) else told
            if isinstance(told, str) and len(told) < 100 and meaning(told).kind == MEASURE:
                said = [
                    statistic_of(words(s)) for n in _STATISTIC_FIELDS if isinstance(s := node.get(n), str)
                ]
                return replace(meaning(told), statistic=next(filter(None, said), meaning(told).statistic))
    kinds = [_KINDS.get(str(node.get(name)).lower(), "") for name in _TELLS_KIND]
    return meaning(f"{path[-1]}_{kind}") if path and (kind := next(filter(None, kinds), "")) else None


def interval_of(value: Any) -> list[tuple[str, str, Any]]:
    """Return (key, statistic, end) of a confidence interval's object: `{"Lower": 17.1, "Upper": 19.3}`."""
    ends = {"lower": "ci_low", "low": "ci_low", "upper": "ci_high", "high": "ci_high"}
    items = value.items() if isinstance(value, dict) else ()
    return [(str(k), ends[str(k).lower()], v) for k, v in items if str(k).lower() in ends and is_number(v)]


def is_interval(name: str, value: Any) -> bool:
    """Tell whether two numbers are the ends of a confidence interval: `scoreConfidence`, `ci95_ms`."""
    told = any(re.fullmatch(r"ci\d*|confidence|interval", part) for part in words(name))
    return told and are_numbers(value) and len(value) == 2 and value[0] <= value[1]


def activity(name: str, value: Mapping[str, Any]) -> Meaning | None:
    """Return the time that statistics below an activity's name are: `{"connecting": {"avg": ..., "p(95)": ...}}`."""
    numbers = [words(str(key)) for key, item in value.items() if is_number(item)]
    if words(name) == ("speed",) and sum(bool(set(key) & WORK) for key in numbers) > 1:
        return meaning("latency")  # of the parts of the work
    told, parts = [statistic_of(key) for key in numbers], words(name)
    if (
        set(parts) <= BEFORE
        and sum(bool(rank) for rank in told) > 1
        and any(set(key) & TIMES for key in numbers)
    ):
        return meaning(f"{name}_time")
    if len(set(told) - {""}) < 3 or not any(re.fullmatch(r"p\d.*", rank) for rank in told):
        return None
    return meaning(f"{name}_time") if parts and _ACTIVITY.fullmatch(parts[-1]) else None


def ranked_items(value: Any) -> list[tuple[str, str, Any]]:
    """Return (place, rank, value) of `{"50.0": 8.4, "99": 8.9}` or `[{"p": 50, "value": 8.4}, ...]`; [] for neither."""
    if isinstance(value, dict):
        found = [(str(key), rank_of(str(key)), item) for key, item in value.items()]
        return found if all(rank and (v is None or is_number(v)) for _, rank, v in found) else []
    if not isinstance(value, list):
        return []
    if value and all(are_numbers(item) and len(item) == 2 for item in value):
        pairs = [(f"[{at}]/[1]", rank_of(f"{rank:g}"), item) for at, (rank, item) in enumerate(value)]
        return (
            pairs if all(rank for _, rank, _ in pairs) and len({r for _, r, _ in pairs}) == len(pairs) else []
        )
    found = []
    for at, item in enumerate(value):
        ranks = [key for key in _RANK_FIELDS if isinstance(item, dict) and is_number(item.get(key))]
        rest = [key for key in item if key not in ranks and is_number(item[key])] if ranks else []
        if len(ranks) != 1 or len(rest) != 1 or not (rank := rank_of(str(item[ranks[0]]))):
            return []
        found.append((f"[{at}]/{rest[0]}", rank, item[rest[0]]))
    return found
