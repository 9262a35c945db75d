"""What a field's numbers mean where they stand: by its name, by what encloses it, and by what stands beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from cluster4npu.core.store.importing.keys import by_key
from cluster4npu.core.store.importing.labels import labelled
from cluster4npu.core.store.importing.model import Context, Path
from cluster4npu.core.store.importing.names import DEVICES
from cluster4npu.core.store.importing.values import are_numbers, is_epoch, is_finite, is_number
from cluster4npu.core.store.importing.vocabulary import BEFORE, PERCENT, TIMES, WORK
from cluster4npu.core.store.importing.words import (
    COMPONENTS,
    COUNT,
    MEASURE,
    MOMENT,
    SETTING,
    UNKNOWN,
    Meaning,
    by_unit,
    is_run_length,
    meaning,
    of_unit,
    plain_unit,
    rank_of,
    statistic_of,
    words,
)

_VALUES = {"score", "value", "values", "val", "result", "estimate", "point_estimate", "measured", "measurement",
           "reading", "data", "raw", "raw_data", "samples", "times", "all", "numeric_value", "benchmark_values",
           "measured_value", "measurements", "metric_value", "observed", "score_error", "magnitude",
           "amount"}  # fmt: skip
_ORDINALS = {"step", "epoch", "index", "rank", "trial", "fold", "order", "position", "iteration", "round", "run",
             "line", "rme", "moe", "sum", "le"}  # beside figures, and none of them  # fmt: skip
_NO_VALUES = {
    "fence",
    "kurtosis",
    "level",
    "margin",
    "n",
    "outliers",
    "skewness",
}  # of a sample, and no times
_SIDES = {
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
_CHANGES = {"change", "delta", "diff", "difference", "ratio"}  # of two figures, and none of their kind
_FAR = 1e4  # times the least: no tail is longer
_HOTTEST = 2.0  # that a language model is asked with; no machine is so cold
_NAMING = (
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
_NEVER_STAMPS = {"duration", "durations", "latency", "latencies", "elapsed", "runtime", "lat"}
_ACTIVITY = re.compile(r"[a-z]{3,}ing|blocked")
_ESTIMATE = {"point_estimate", "standard_error", "confidence_interval"}
_WARMING = {"warm", "warmup", "up", "time", "duration", "s", "sec", "secs", "seconds", "ms"}
_RANK = re.compile(r"p\d.*")
_CLOCK_WORDS = {"time", "ts", "t", "wall", "clock", "ms", "s", "us", "ns", "sec"}
_RANK_FIELDS = ("p", "percentile", "quantile", "q", "rank", "pct")


def meaning_at(
    name: str, values: Sequence[Any], node: Mapping[str, Any], place: Path, unit: str, units: str,
    inside: Meaning | None, known: Meaning | None,
) -> Meaning:  # fmt: skip
    """Return what numbers of this name mean in their object, or why they are no measurement.

    `unit` is said by the values themselves, `units` beside them; `inside` is what the enclosing field means, `known`
    what is certain of this one.
    """
    names = words(name)
    if (
        names[-1:] == ("samples",)
        and len(values) == 1
        and is_finite(values[0])
        and values[0] == int(values[0])
    ):
        return Meaning(COUNT)  # of what the statistics beside it are of
    found = known or by_unit(name, unit or units, inside)
    if (told := _by_neighbours(names, values, node)) is not None:
        return told
    aggregate = node.get("aggregate_name")
    if isinstance(aggregate, str) and found.family == "time" and found.statistic == "value":
        found = replace(found, statistic=statistic_of(words(aggregate)) or "value")
    if inside is not None and inside.family in ("energy", "power") and _is_among_devices(names, node):
        return inside
    if (
        found.kind == MEASURE
        and not _fits(found, names, values, inside is not None and inside.family == "time")
        and not _is_among_durations(found, values, node)
    ):
        return Meaning(UNKNOWN if found.family == "count" else MOMENT)
    if found.kind != MEASURE and named_device(name) and inside is not None and len(names) <= 2:
        return inside
    if found.kind == MEASURE:
        return found if inside is not None else _without_place(found, place)
    if found.kind != UNKNOWN:
        return found
    if found.statistic != "value" or "_".join(names) in _VALUES:
        if _is_of_another(name, node):
            return found
        told = inside or _bare(node, _of_parent(found, place), plain_unit(unit) if unit else units, place)
        return _score(names, values) if told.kind != MEASURE and names[-1:] == ("score",) else told
    if names[-1:] == ("score",) and inside is None and not units:
        return _score(names, values)
    if name.lower() == "rate" and any(
        is_number(node.get(told)) for told in ("count", "throughput", "requests")
    ):
        return Meaning(MEASURE, "throughput", "value", "items/s", "rate")
    if (
        inside is None
        and tells_where(name)
        and any(is_finite(value) and value != int(value) for value in values)
    ):
        return of_unit(plain_unit(unit or units))
    if inside is not None and "_".join(names) in _SIDES:
        return inside
    if names in (("total",), ("sum",)) and inside is None:
        of_mean = _bare(node, replace(found, statistic="mean"), units, place)
        return replace(of_mean, metric="total_time", statistic="value") if of_mean.family == "time" else found
    plain = by_key(Context(), name, "", None) == Context(label=(name.lower().strip(),))
    if inside is None or set(names) & (PERCENT | _CHANGES):
        return found
    if not plain or _is_variant(name, node):
        return inside
    return found


def meaning_of_text(name: str, unit: str, units: str, inside: Meaning | None) -> Meaning:
    """Return what a number means that stands in a text with its unit, as in `"inference": "215.4 ms"`."""
    told = by_unit(name, unit, inside)
    if told.kind == UNKNOWN and told.statistic != "value" and unit:
        return of_unit(plain_unit(unit), told.statistic)
    if told.kind == UNKNOWN and (tells_where(name) or "_".join(words(name)) in _VALUES):
        told = inside or of_unit(plain_unit(unit or units))
    if told.kind == UNKNOWN and unit and (said := of_unit(plain_unit(unit))).kind == MEASURE:
        return of_name(name, said)
    return told


def of_name(name: str, said: Meaning) -> Meaning:
    """Return what something is of which the unit is known: `"startup": {"value": 2.5, "unit": "s"}` is a time."""
    ending = {"time": "time", "size": "memory", "rate": "throughput"}.get(said.family, said.family)
    found = meaning(f"{name}_{ending}")
    return replace(found, unit=said.unit if said.family == "rate" else "") if found.kind == MEASURE else said


def said_unit(value: Any) -> Meaning | None:
    """Return what a value is beside which a unit is said, `{"value": 2.5, "unit": "s"}`; None where none is."""
    if not isinstance(value, dict) or not any(
        "_".join(words(str(k))) in _VALUES and is_number(v) for k, v in value.items()
    ):
        return None
    unit = next(
        (v for k, v in value.items() if str(k).lower() in ("unit", "units") and isinstance(v, str)), ""
    )
    said = of_unit(plain_unit(unit)) if unit else None
    return said if said is not None and said.kind == MEASURE else None


def named_device(name: str) -> str:
    """Return the device that a field's name begins with, or a time or rate ends with; "" for none.

    `cuda_load_time`, `latency_ms_cuda`; but `memory_gpu` is about a part of the machine.
    """
    parts = words(name)
    if parts and parts[0] in DEVICES and name.lower() != "cpu_time":
        return parts[0]
    is_last = len(parts) > 1 and parts[-1] in DEVICES and meaning(name).family in ("time", "rate")
    return parts[-1] if is_last else ""


def of_preparation(found: Meaning, label: Sequence[str]) -> Meaning:
    """Return the meaning of a time below `load_model`, `compile` ...: it is no inference's."""
    parts = set(words(label[-1])) & BEFORE if label and found.metric == "latency" else set()
    return replace(found, metric=f"{min(parts)}_time") if parts else found


def is_a_columns_device(device: str, node: Mapping[str, Any]) -> bool:
    """Tell whether a wide record has columns for this device: then `gpu_power_w` is that device's, too."""
    return any(named_device(str(k)) == device and meaning(str(k)).family in ("time", "rate") for k in node)


def tells_where(name: str) -> bool:
    """Tell whether a key names a device, a precision or a batch and nothing else: `onnx:cpu`, `int8`, `batch_8`."""
    told = by_key(Context(), name, "", None)
    return not told.label and bool(told.device or told.precision or told.batch is not None)


def are_rounds(name: str, units: str, inside: Meaning | None) -> bool:
    """Tell whether a list of lists of numbers is samples of several rounds."""
    found = meaning(name, inside)
    return found.family in ("time", "rate") or (
        "_".join(words(name)) in _VALUES and (inside is not None or of_unit(units).kind == MEASURE)
    )


def named_metric(node: Mapping[str, Any], path: Path) -> Meaning | None:
    """Return what the values of an object mean that says so itself, None where it does not.

    `{"metric": "latency_ms", "value": 12.5}`, `{"contains": "time", "values": {"avg": 12.5}}`, or an estimate with its
    interval, as criterion writes it (always ns).
    """
    if set(node) >= _ESTIMATE and path:
        return Meaning(MEASURE, "latency", statistic_of(words(path[-1])) or path[-1], "ns", "time")
    if any("_".join(words(str(name))) in _VALUES | _SIDES for name in node):
        for name in _NAMING:
            told = node.get(name)
            told = labelled(told)[1] if isinstance(told, str) else told
            if isinstance(told, str) and len(told) < 100 and meaning(told).kind == MEASURE:
                said = [
                    statistic_of(words(s)) for n in _STATISTIC_FIELDS if isinstance(s := node.get(n), str)
                ]
                return replace(meaning(told), statistic=next(filter(None, said), meaning(told).statistic))
    kinds = [_KINDS.get(str(node.get(name)).lower(), "") for name in _TELLS_KIND]
    return meaning(f"{path[-1]}_{kind}") if path and (kind := next(filter(None, kinds), "")) else None


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


def interval_of(value: Any) -> list[tuple[str, str, Any]]:
    """Return (key, statistic, end) of a confidence interval's object: `{"Lower": 17.1, "Upper": 19.3}`."""
    ends = {"lower": "ci_low", "low": "ci_low", "upper": "ci_high", "high": "ci_high"}
    items = value.items() if isinstance(value, dict) else ()
    return [(str(k), ends[str(k).lower()], v) for k, v in items if str(k).lower() in ends and is_number(v)]


def is_over_batches(values: Sequence[Any], node: Mapping[str, Any], here: Context) -> bool:
    """Tell whether a list has a figure for each batch size that is listed around it, as the lists beside it do."""
    if here.batch is not None or len(values) < 2 or len(values) != len(here.batches):
        return False
    beside = [
        str(key) for key, value in node.items() if isinstance(value, list) and len(value) == len(values)
    ]
    families = {meaning(key).family for key in beside}
    return {"time", "rate"} <= families or any(_RANK.fullmatch(statistic_of(words(key))) for key in beside)


def is_interval(name: str, value: Any) -> bool:
    """Tell whether two numbers are the ends of a confidence interval: `scoreConfidence`, `ci95_ms`."""
    told = any(re.fullmatch(r"ci\d*|confidence|interval", part) for part in words(name))
    return told and are_numbers(value) and len(value) == 2 and value[0] <= value[1]


def is_a_log_lines_clock(name: str, node: Mapping[str, Any]) -> bool:
    """Tell whether a bare time stands beside a named value, as `{"key": ..., "value": ..., "time_ms": 12.3}` has it."""
    parts = set(words(name))
    return (
        bool({"value", "values"} & set(node)) and any(isinstance(node.get(told), str) for told in _NAMING)
        and parts <= _CLOCK_WORDS and bool(parts & {"time", "ts", "t", "clock"})
    )  # fmt: skip


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
    found = []
    for at, item in enumerate(value):
        ranks = [key for key in _RANK_FIELDS if isinstance(item, dict) and is_number(item.get(key))]
        rest = [key for key in item if key not in ranks and is_number(item[key])] if ranks else []
        if len(ranks) != 1 or len(rest) != 1 or not (rank := rank_of(str(item[ranks[0]]))):
            return []
        found.append((f"[{at}]/{rest[0]}", rank, item[rest[0]]))
    return found


def without_device(found: Meaning, device: str) -> Meaning:
    """Return the meaning without the device's name in the metric: `cuda_load_time` is cuda's `load_time`."""
    metric = found.metric.removeprefix(f"{device}_")
    return replace(found, metric="latency" if metric == "time" else metric)


def _is_of_another(name: str, node: Mapping[str, Any]) -> bool:
    """Tell whether the unit beside belongs to another field: `score` beside `numericValue` and `numericUnit`."""
    fields = {"_".join(words(str(key))) for key in node}
    own = "_".join(words(name))
    pairs = {f"{field[:-5]}_value" for field in fields if field.endswith("_unit")} & fields
    return bool(pairs) and own not in pairs


def _by_neighbours(names: tuple[str, ...], values: Sequence[Any], node: Mapping[str, Any]) -> Meaning | None:
    """Return what names mean that are of two kinds: a language model's temperature, a detector's precision."""
    if set(names) <= _WARMING and all(is_finite(value) and value == int(value) for value in values):
        return Meaning(SETTING)  # how long to warm up
    if names == ("camera", "fps") and all(isinstance(value, float) for value in values):
        return Meaning(
            MEASURE, "camera_throughput", "value", "frames/s", "rate"
        )  # a whole number is asked for
    if names == ("temperature",) and all(is_finite(value) and 0 <= value <= _HOTTEST for value in values):
        return Meaning(SETTING)
    if names[-1:] == ("precision",) and any("recall" in words(str(key)) for key in node):
        return Meaning(MEASURE, "precision", "value", "ratio")
    return None


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


def _score(names: tuple[str, ...], values: Sequence[Any]) -> Meaning:
    """Return a benchmark's score; what is not above 1 is a share, or a model's confidence."""
    if not all(is_finite(value) and abs(value) > 1 for value in values):
        return Meaning(UNKNOWN)
    return Meaning(MEASURE, "_".join(names), "value", "points")


def _is_among_devices(names: tuple[str, ...], node: Mapping[str, Any]) -> bool:
    """Tell whether `cpu` is a device here, since others stand beside it, and no part of the machine."""
    keys = {words(str(key)) for key in node}
    return len(names) == 1 and names[0] in DEVICES and any(
        len(key) == 1 and key[0] in DEVICES and key[0] not in COMPONENTS for key in keys
    )  # fmt: skip


def _is_variant(name: str, node: Mapping[str, Any]) -> bool:
    """Tell whether a metric's own object names a variant: by a number, or above figures that are no counts."""
    if name.lower() in _ORDINALS or set(words(name)) & _NO_VALUES:
        return False
    if (
        isinstance(node.get(name), int)
        and not name.strip().isdecimal()
        and any(map(_has_fraction, node.values()))
    ):
        return False
    figures = [value for value in node.values() if is_finite(value)]
    return name.strip().isdecimal() or not figures or any(value != int(value) for value in figures)


def _has_fraction(value: Any) -> bool:
    return is_finite(value) and value != int(value)


def _of_parent(found: Meaning, place: Path) -> Meaning:
    """Return the meaning with the statistic that the enclosing key tells: `{"mean": {"point_estimate": ...}}`."""
    if found.statistic != "value" or len(place) < 2:
        return found
    return replace(found, statistic=statistic_of(words(place[-2])) or "value")


def _bare(node: Mapping[str, Any], found: Meaning, units: str, place: Path) -> Meaning:
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


def _without_place(found: Meaning, place: Path) -> Meaning:
    """Return the meaning without words that the enclosing key says: `pipeline_avg_time` below `pipeline_cuda`."""
    metric, around = found.metric, set(words(place[-2])) if len(place) > 1 else set()
    if found.family != "time" or not around & set(metric.split("_")):
        return found
    rest = "_".join(part for part in metric.split("_") if part not in around)
    return replace(found, metric="latency" if rest in ("", "time") else rest)


def _is_among_durations(found: Meaning, values: Sequence[Any], node: Mapping[str, Any]) -> bool:
    """Tell whether a large number is a time's statistic, in ns: some statistic beside it is no stamp, and not afar."""
    if found.family != "time" or found.statistic == "value" or not all(map(is_finite, values)):
        return False
    beside = [v for k, v in node.items() if is_finite(v) and v > 0 and statistic_of(words(str(k)))]
    largest = max(values)
    return any(not is_epoch(v) and v <= largest * 10 and largest < v * _FAR for v in beside if v != largest)


def _fits(found: Meaning, names: tuple[str, ...], values: Sequence[Any], inside_time: bool) -> bool:
    """Tell whether values may be what the name says: a clock's stamp is no duration, 0.02 no count."""
    finite = [value for value in values if is_finite(value)]
    if found.family == "count":
        return all(value == int(value) for value in finite)
    if found.family != "time":
        return True
    started = found.metric in ("start_time", "begin_time", "end_time", "finish_time")
    may_be_stamps = not found.unit and not inside_time and not set(names) & _NEVER_STAMPS
    return not started and not (may_be_stamps and any(value > 1e8 or is_epoch(value) for value in finite))
