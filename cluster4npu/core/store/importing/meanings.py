"""What a field's numbers mean where they stand: by its name, by what encloses it, and by what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cluster4npu.core.store.importing.beside import (
    bare,
    is_among_durations,
    is_among_work,
    is_of_another,
    of_parent,
)
from cluster4npu.core.store.importing.forms import SIDES, VALUES
from cluster4npu.core.store.importing.keys import by_key
from cluster4npu.core.store.importing.metrics import (
    COMPONENTS,
    COUNT,
    MEASURE,
    MOMENT,
    SETTING,
    UNKNOWN,
    Meaning,
    meaning,
)
from cluster4npu.core.store.importing.model import Context, Path
from cluster4npu.core.store.importing.names import DEVICES
from cluster4npu.core.store.importing.unit_words import by_unit, of_unit, plain_unit
from cluster4npu.core.store.importing.values import is_epoch, is_finite, is_number
from cluster4npu.core.store.importing.vocabulary import BEFORE, PERCENT
from cluster4npu.core.store.importing.words import statistic_of, words

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
_CHANGES = {"change", "delta", "diff", "difference", "ratio"}  # of two figures, and none of their kind
_HOTTEST = 2.0  # that a language model is asked with; no machine is so cold
_NEVER_STAMPS = {"duration", "durations", "latency", "latencies", "elapsed", "runtime", "lat"}
_WARMING = {"warm", "warmup", "up", "time", "duration", "s", "sec", "secs", "seconds", "ms"}


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
        and not is_among_durations(found, values, node)
    ):
        return Meaning(UNKNOWN if found.family == "count" else MOMENT)
    if found.kind != MEASURE and named_device(name) and inside is not None and len(names) <= 2:
        return inside
    if found.kind == MEASURE:
        return found if inside is not None else _without_place(found, place)
    if found.kind != UNKNOWN:
        return found
    if names == ("score", "error"):
        return replace(inside or bare(node, found, units, place), statistic="error")
    if inside is None and is_among_work(names, values, node):
        return meaning(f"{name}_time")
    if found.statistic != "value" or "_".join(names) in VALUES:
        if is_of_another(name, node):
            return found
        told = inside or bare(node, of_parent(found, place), plain_unit(unit) if unit else units, place)
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
    if inside is not None and "_".join(names) in SIDES:
        return inside
    if names in (("total",), ("sum",)) and inside is None:
        of_mean = bare(node, replace(found, statistic="mean"), units, place)
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
    if told.kind == UNKNOWN and (tells_where(name) or "_".join(words(name)) in VALUES):
        told = inside or of_unit(plain_unit(unit or units))
    if told.kind == UNKNOWN and unit and (said := of_unit(plain_unit(unit))).kind == MEASURE:
        return of_name(name, said)
    return told


def of_name(name: str, said: Meaning) -> Meaning:
    """Return what something is of which the unit is known: `"startup": {"value": 2.5, "unit": "s"}` is a time."""
    ending = {"time": "time", "size": "memory", "rate": "throughput"}.get(said.family, said.family)
    found = meaning(f"{name}_{ending}")
    return replace(found, unit=said.unit if said.family == "rate" else "") if found.kind == MEASURE else said


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


def without_device(found: Meaning, device: str) -> Meaning:
    """Return the meaning without the device's name in the metric: `cuda_load_time` is cuda's `load_time`."""
    metric = found.metric.removeprefix(f"{device}_")
    return replace(found, metric="latency" if metric == "time" else metric)


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


def _without_place(found: Meaning, place: Path) -> Meaning:
    """Return the meaning without words that the enclosing key says: `pipeline_avg_time` below `pipeline_cuda`."""
    metric, around = found.metric, set(words(place[-2])) if len(place) > 1 else set()
    if found.family != "time" or not around & set(metric.split("_")):
        return found
    rest = "_".join(part for part in metric.split("_") if part not in around)
    return replace(found, metric="latency" if rest in ("", "time") else rest)


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
