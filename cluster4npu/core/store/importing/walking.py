"""Walks a file's JSON and gathers its measurement records, by field names and structure alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from cluster4npu.core.store.importing import context as contexts
from cluster4npu.core.store.importing.context import DEVICES, base_device, by_fields, by_key, lends, whole
from cluster4npu.core.store.importing.masking import masked
from cluster4npu.core.store.importing.model import (
    FAILED,
    INCOMPATIBLE,
    OK,
    SKIPPED,
    Context,
    Figure,
    Path,
    Record,
)
from cluster4npu.core.store.importing.tables_in_json import rows_below_names, rows_of, series_of
from cluster4npu.core.store.importing.text import records_in_text
from cluster4npu.core.store.importing.words import (
    BOOKKEEPING,
    HOST,
    MEASURE,
    MOMENT,
    SETTING,
    UNKNOWN,
    Meaning,
    by_unit,
    meaning,
    of_unit,
    plain_unit,
    rank_of,
    statistic_of,
    words,
)

DEEPEST = 100
NOT_FINITE, IMPOSSIBLE = "not a finite number", "below zero, as no time, rate or size is"
_SMALLEST, _LARGEST = 1e-100, 1e100  # no measurement is beyond; products of two stay finite
_HOST_KEYS = {
    "system_info", "hardware_info", "hardware_details", "system", "environment", "env", "machine_info",
    "cpu_info", "gpu_info", "versions", "host", "platform_info", "system_information", "software",
}  # fmt: skip
_SETTING_KEYS = {"args", "config", "configuration", "parameters", "params", "hyperparameters", "generation_config",
                 "settings", "options", "benchmark_config", "test_config", "target", "targets", "goals", "limits",
                 "thresholds", "sla", "requirements"}  # fmt: skip
_OUTPUT_KEYS = {"predictions", "examples", "outputs", "logits", "embedding_values", "boxes", "detections"}
_QUANTITY = re.compile(
    r"\s*([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(?:(?:±|\+/-|\+-)\s*\d+(?:\.\d+)?\s*)?([A-Za-zµ%/]*(?:/s(?:ec)?)?)\s*"
)
_FAILED_TEXT = re.compile(r"\W*(fail|error|crash|oom\b|out of memory|timed? ?out)", re.IGNORECASE)
_BROWSER = re.compile(r"user.?agent|mozilla/|webgpu|webnn|webgl|\bwasm\b", re.IGNORECASE)
_UNNAMED = {"score", "value", "values", "result", "estimate", "point_estimate", "measured", "measurement", "reading",
            "data", "raw", "raw_data", "samples", "times", "all"}  # what a unit beside it names  # fmt: skip
_ORDINALS = {"step", "epoch", "index", "rank", "trial", "fold", "order", "position", "iteration", "round", "run",
             "line", "rme", "moe", "sum", "le"}  # beside figures, and none of them  # fmt: skip
_RANKED = {"percentiles", "percentile", "quantiles", "ranks"}
_STATISTIC_FIELDS = ("stat", "statistic", "aggregation", "aggregate", "agg", "percentile", "quantile")
_BATCH_NAMES = {"batch_size", "batch", "batch_sizes", "bs", "sequence_length", "seq_length", "seq_len", "batchsize",
                "sequence_lengths", "seq"}  # fmt: skip


class Walker:
    """Gathers records; every number of the file is either in one of them or counted in `skipped`."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.numbers = 0
        self.skipped: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.browser = False
        self.made_up: set[str] = set()  # devices that their own objects call simulated

    def walk(self, data: Any) -> None:
        """Walk a whole document."""
        self._visit(data, Context(), (), "", {}, None)

    def _visit(
        self,
        node: Any,
        outer: Context,
        path: Path,
        parent: str,
        above: Mapping[str, Any],
        inside: Meaning | None,
    ) -> int:
        """Gather what is below `node` and return how many records that gave."""
        if len(path) > DEEPEST:
            self._leave(node, "nested too deeply")
            return 0
        before = len(self.records)
        if isinstance(node, dict):
            node = series_of(node)
            self.browser = self.browser or any(
                _BROWSER.search(f"{k} {v}") for k, v in node.items() if isinstance(v, str)
            )
            table = rows_of(node, above)
            if table is None:
                self._object(node, by_fields(outer, node), path, parent, above, inside)
            else:
                for row, row_path, used in table.rows:
                    self._object(
                        row,
                        by_fields(by_fields(outer, table.shared), row),
                        (*path, *row_path),
                        parent,
                        above,
                        inside,
                    )
                    self.numbers += used
                rest = {name: value for name, value in node.items() if name not in table.columns}
                self._object(rest, by_fields(outer, rest), path, parent, above, inside)
        elif isinstance(node, list):
            table_rows = rows_below_names(node)
            for position, item in enumerate(
                node if table_rows is None else table_rows, table_rows is not None
            ):
                if isinstance(item, dict | list):
                    self._visit(item, outer, (*path, f"[{position}]"), parent, above, inside)
                elif _is_number(item):
                    self.numbers += 1
                    self._skip(UNKNOWN, parent)
        return len(self.records) - before

    def _object(
        self, node: Mapping[str, Any], here: Context, path: Path, parent: str, above: Mapping[str, Any],
        inside: Meaning | None,
    ) -> None:  # fmt: skip
        inside = _named_metric(node) or inside
        before = len(self.records)
        own: dict[str, Record] = {}
        if here.simulated and path and path[-1] == here.device and by_fields(Context(), node).simulated:
            self.made_up.add(base_device(here.device))
        explicit = here.status in (FAILED, INCOMPATIBLE, SKIPPED)
        for name, value in node.items():
            self._field(str(name), value, node, here, path, parent, above, inside, own)
        figured = any(
            figure.meaning.family != "count" for record in own.values() for figure in record.figures
        )
        if not figured:  # counts alone are no measurement
            for record in own.values():
                self.records.remove(record)
                self.skipped["a count without a measurement"] += sum(len(f.values) for f in record.figures)
        below = self.records[before:]
        if explicit and not below and (here.model or here.device or here.error) and self._tells(node):
            self.records.append(Record(path, here))
        elif own and below and not explicit:
            _doubt(list(own.values()), [r for r in below if r not in own.values()])

    @staticmethod
    def _tells(node: Mapping[str, Any]) -> bool:
        """Tell whether this object itself says how it ended (its parents' failure is theirs)."""
        return by_fields(Context(), node).status != OK

    def _field(
        self, name: str, value: Any, node: Mapping[str, Any], here: Context, path: Path, parent: str,
        above: Mapping[str, Any], inside: Meaning | None, own: dict[str, Record],
    ) -> None:  # fmt: skip
        place = (*path, name)
        lowered = name.lower()
        if isinstance(value, bool) or value is None:
            self._verdict(name, value, node, here, place, parent)
            return
        if isinstance(value, dict | list) and (lowered in _HOST_KEYS or _describes(lowered, value)):
            self._leave(value, HOST)
        elif "failed" in words(name) and "models" in words(name) and _names(value):
            self.records += [
                Record((*place, f"[{position}]"), here.but(model=masked(model), status=FAILED))
                for position, model in enumerate(value)
            ]
        elif isinstance(value, dict | list) and (
            lowered in _SETTING_KEYS or (lends(name) and not _measures(value))
        ):
            self._leave(value, SETTING)
        elif words(name)[-2:] == ("exit", "codes") and _numbers(value) and any(value):
            self._leave(value, BOOKKEEPING)
            failed = f"exit codes {', '.join(map(str, value[:50]))}"
            self.records.append(Record(place, here.but(status=FAILED, error=failed)))
        elif isinstance(value, list) and value and all(map(_numbers, value)) and _flat(name, here, inside):
            self._figures(name, [item for row in value for item in row], node, here, place, inside, own)
        elif isinstance(value, dict | list) and lowered in _OUTPUT_KEYS and _is_output(value):
            self._leave(value, "a model's output")
        elif _is_number(value) or _numbers(value) or isinstance(value, str):
            self._figures(name, value, node, here, place, inside, own)
        else:
            self._nested(name, value, node, here, place, parent, above, inside, own)

    def _nested(
        self, name: str, value: Any, node: Mapping[str, Any], here: Context, place: Path, parent: str,
        above: Mapping[str, Any], inside: Meaning | None, own: dict[str, Record],
    ) -> None:  # fmt: skip
        found = meaning(name, inside)
        is_metric = found.kind == MEASURE and found.family != "count"
        if is_metric and isinstance(value, dict) and value and all(map(_is_plain, value.values())):
            unit = next(
                (v for k, v in value.items() if str(k).lower() in ("unit", "units") and isinstance(v, str)),
                "",
            )
            if not any(words(str(k))[:1] and words(str(k))[0] in DEVICES for k in value):
                for key, item in value.items():
                    if not isinstance(item, str | bool) or _QUANTITY.fullmatch(str(item)):
                        self._figures(
                            str(key),
                            item,
                            value,
                            here.but(units=unit or here.units),
                            (*place, str(key)),
                            found,
                            own,
                        )
                return
        if (
            set(words(name)) & _RANKED
            and isinstance(value, dict)
            and value
            and self._ranks(name, value, here, place, inside, own)
        ):
            return
        below = here if place[-1].startswith("[") else by_key(here, name, parent, value)
        if is_metric:
            below = below.but(label=here.label)
        models = {
            key: item for key, item in above.items() if "model" in str(key).lower() and isinstance(item, list)
        }
        self._visit(value, below, place, name, {**models, **node}, found if is_metric else inside)

    def _ranks(
        self,
        name: str,
        value: Mapping[str, Any],
        here: Context,
        place: Path,
        inside: Meaning | None,
        own: dict[str, Record],
    ) -> bool:
        """Take `{"percentiles": {"50.0": 8.4, "99.0": 8.9}}`; tell whether it was such an object."""
        told, around = meaning(name, inside), of_unit(here.units)
        base = (
            told
            if told.kind == MEASURE
            else inside
            if inside is not None
            else around
            if around.kind == MEASURE
            else None
        )
        if base is None or not all(
            rank_of(str(key)) and (item is None or _is_number(item)) for key, item in value.items()
        ):
            return False
        for key, item in value.items():
            if item is not None:
                known = replace(
                    base,
                    statistic=rank_of(str(key)).replace("p100", "max")
                    if rank_of(str(key)) != "p0"
                    else "min",
                )
                self._figures(str(key), item, value, here, (*place, str(key)), inside, own, known)
        return True

    def _figures(
        self, name: str, value: Any, node: Mapping[str, Any], here: Context, place: Path,
        inside: Meaning | None, own: dict[str, Record], known: Meaning | None = None,
    ) -> None:  # fmt: skip
        if (
            name.endswith("_") and name.rstrip("_") in node and _is_number(value)
        ):  # another thing of nearly the same name
            self.numbers += 1
            self._skip(UNKNOWN, name)
            return
        unit = ""
        if isinstance(value, str):
            quantity = _QUANTITY.fullmatch(value[:60])
            told = by_unit(name, quantity[2], inside) if quantity else Meaning(UNKNOWN)
            if quantity and told.kind == UNKNOWN and (_tells_where(name) or name.lower() in _UNNAMED):
                told = inside or of_unit(plain_unit(quantity[2] or here.units))
            if not quantity or told.kind != MEASURE or told.family == "count":
                self._text(name, value, here, place)
                if _FAILED_TEXT.match(value) and _named_device(name) and len(words(name)) <= 2:
                    where = by_key(here, name, "", None)
                    self.records.append(Record(place, where.but(status=FAILED, error=masked(value)[:1000])))
                return
            value, unit = float(quantity[1].replace(",", "")), quantity[2]
        values = value if isinstance(value, list) else [value]
        self.numbers += len(values)
        found = known or by_unit(name, unit, inside)
        device_key = _named_device(name)
        if found.kind == MEASURE and not _fits(found, values):
            self._skip(UNKNOWN if found.family == "count" else MOMENT, name, len(values))
            return
        if found.kind != MEASURE and device_key and inside is not None and len(words(name)) <= 2:
            found = inside
        elif found.kind == UNKNOWN and (found.statistic != "value" or "_".join(words(name)) in _UNNAMED):
            found = inside or _bare(node, _of_parent(found, place), here.units)
        elif found.kind == UNKNOWN and name.lower() == "rate" and _is_number(node.get("count")):
            found = Meaning(MEASURE, "throughput", "value", "items/s", "rate")
        elif found.kind == UNKNOWN and inside is None and _tells_where(name):
            found = of_unit(plain_unit(unit or here.units))
        elif (
            found.kind == UNKNOWN
            and inside is not None
            and (by_key(Context(), name, "", None) != _labelled(name) or _is_variant(name, node))
        ):
            found = inside
        if found.kind != MEASURE:
            batch = name.lower() in _BATCH_NAMES and all(whole(item) is not None for item in values)
            self._skip("context" if batch else found.kind, name, len(values))
            return
        finite = [float(item) for item in values if _finite(item)]
        if len(finite) < len(values):
            self.skipped[NOT_FINITE] += len(values) - len(finite)
        if found.family in ("time", "rate", "size") and any(item < 0 for item in finite):
            self.skipped[IMPOSSIBLE] += len(finite)
            return
        if not finite:
            return
        found = _without_place(found, place) if inside is None else found
        place_of = here
        if device_key and not here.device and found.family in ("time", "rate", "size", "count"):
            place_of = here.but(device=device_key, device_rank=60)
            found = _without_device(found, device_key)
        elif (
            known is None
            and meaning(name, inside).kind != MEASURE
            and (inside is not None or _tells_where(name))
        ):
            place_of = by_key(here, name, "", None)
        variant = repr((place_of.device, place_of.batch, place_of.precision, place_of.label))
        record = own.get(variant)
        if record is None:
            record = own[variant] = Record(place[:-1], place_of)
            self.records.append(record)
        record.figures.append(
            Figure(place, name, found, finite, isinstance(value, list), unit=unit, beside=here.units)
        )

    def _verdict(
        self, name: str, value: bool | None, node: Mapping[str, Any], here: Context, place: Path, parent: str
    ) -> None:
        """Note `"cpu": false` below a model's name: the model failed there."""
        if (
            value is False
            and here.model_rank == 50
            and here.model == parent
            and contexts.base_device(name) in DEVICES
        ):
            self.records.append(Record(place, here.but(device=name, status=FAILED)))

    def _text(self, name: str, text: str, here: Context, place: Path) -> None:
        if len(text) < 8 or name.lower() in ("command", "model", "model_name", "input", "prompt"):
            return
        if here.status == OK or "\n" in text:
            for record in records_in_text(text, here, place):
                self.numbers += len(record.figures)
                self.records.append(record)

    def _skip(self, reason: str, name: str, count: int = 1) -> None:
        if not reason:
            reason = UNKNOWN
        if reason == UNKNOWN:
            self.unknown[masked(name)[:80]] += count
        self.skipped[reason] += count

    def _leave(self, node: Any, reason: str) -> None:
        """Count every number below `node` as left out."""
        pending = [node]
        while pending:
            item = pending.pop()
            if isinstance(item, dict):
                pending.extend(item.values())
            elif isinstance(item, list):
                pending.extend(item)
            elif _is_number(item):
                self.numbers += 1
                self.skipped[reason] += 1


def _named_device(name: str) -> str:
    """Return the device that a field's name begins with, or a time or rate ends with; "" for none.

    `cuda_load_time`, `latency_ms_cuda`; but `memory_gpu` is about a part of the machine.
    """
    parts = words(name)
    if parts and parts[0] in DEVICES and name.lower() != "cpu_time":
        return parts[0]
    is_last = len(parts) > 1 and parts[-1] in DEVICES and meaning(name).family in ("time", "rate")
    return parts[-1] if is_last else ""


def _is_variant(name: str, node: Mapping[str, Any]) -> bool:
    """Tell whether a metric's own object names a variant: by a number, or above figures that are no counts."""
    if name.lower() in _ORDINALS:
        return False
    figures = [value for value in node.values() if _finite(value)]
    return name.strip().isdecimal() or not figures or any(value != int(value) for value in figures)


def _tells_where(name: str) -> bool:
    """Tell whether a key names a device, a precision or a batch and nothing else: `onnx:cpu`, `int8`, `batch_8`."""
    told = by_key(Context(), name, "", None)
    return not told.label and bool(told.device or told.precision or told.batch is not None)


def _of_parent(found: Meaning, place: Path) -> Meaning:
    """Return the meaning with the statistic that the enclosing key tells: `{"mean": {"point_estimate": ...}}`."""
    if found.statistic != "value" or len(place) < 2:
        return found
    return replace(found, statistic=statistic_of(words(place[-2])) or "value")


def _flat(name: str, here: Context, inside: Meaning | None) -> bool:
    """Tell whether a list of lists of numbers is samples of several rounds."""
    found = meaning(name, inside)
    return found.family in ("time", "rate") or (
        "_".join(words(name)) in _UNNAMED and of_unit(here.units).kind == MEASURE
    )


def _measures(value: Any) -> bool:
    """Tell whether there are latencies or rates below: then what is called a configuration is a result."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif isinstance(item, dict):
            pending += [v for v in item.values() if isinstance(v, dict | list)]
            told = [meaning(str(k)) for k, v in item.items() if _is_number(v) or _numbers(v)]
            if any(t.kind == MEASURE and t.family in ("time", "rate") and t.metric != "duration_time" and (
                t.statistic != "value" or t.metric in ("latency", "throughput")) for t in told):  # fmt: skip
                return not _only_durations(item)
    return False


def _only_durations(node: Mapping[str, Any]) -> bool:
    """Tell whether the only times are lengths of runs: `duration_ms` of a configuration is a setting."""
    times = [
        words(str(k))
        for k, v in node.items()
        if (_is_number(v) or _numbers(v)) and meaning(str(k)).family in ("time", "rate")
    ]
    return all({"duration", "runtime", "time", "interval"} & set(t) and not statistic_of(t) for t in times)


def _labelled(name: str) -> Context:
    return Context(label=(name.lower().strip(),))


def _doubt(own: Sequence[Record], below: Sequence[Record]) -> None:
    """Mark an object's figures failed when everything measured below it failed, whatever it says of itself."""
    if below and all(record.context.status == FAILED for record in below):
        for record in own:
            record.context = record.context.but(status=FAILED, error="everything below it failed")


def _named_metric(node: Mapping[str, Any]) -> Meaning | None:
    """Return what `value` means in an object of the form {"metric": "latency_ms", "value": 12.5}."""
    for name in ("metric", "metric_name", "measure", "name", "key"):
        told = node.get(name)
        if isinstance(told, str) and "value" in node and meaning(told).kind == MEASURE:
            said = [statistic_of(words(s)) for n in _STATISTIC_FIELDS if isinstance(s := node.get(n), str)]
            return replace(meaning(told), statistic=next(filter(None, said), meaning(told).statistic))
    return None


def _describes(name: str, value: Any) -> bool:
    """Tell whether an object describes a device by name, memory and the like, and holds no results."""
    return (
        name in ("hardware", "device", "gpu", "cpu", "npu", "accelerator")
        and isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and not any(
            isinstance(v, dict | list) or meaning(str(k)).family in ("time", "rate") for k, v in value.items()
        )
    )


def _is_output(value: Any) -> bool:
    """Tell whether what is called predictions, boxes ... is a model's output, and no list of predicted figures."""
    items = value if isinstance(value, list) else list(value.values())
    told = [meaning(str(key)) for item in items[:20] if isinstance(item, dict) for key in item]
    return not _numbers(value) and not any(
        known.formula or known.family in ("time", "rate") for known in told
    )


def _names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) and item for item in value)


def _bare(node: Mapping[str, Any], found: Meaning, units: str) -> Meaning:
    """Take a lone `mean` for a time where its unit, a rate (mean x rate = 1) or samples beside it say so."""
    if (said := of_unit(units, found.statistic)).kind == MEASURE:
        return said
    mean = node.get("mean", node.get("avg"))
    for name, rate in node.items():
        if (
            meaning(str(name)).family == "rate"
            and _finite(rate)
            and _finite(mean)
            and abs(mean * rate - 1) < 0.5
        ):
            return Meaning(MEASURE, "latency", found.statistic, "s", "time")
        known = meaning(str(name))
        if (
            known.family == "time"
            and _numbers(rate)
            and all(map(_finite, [mean, *rate]))
            and abs(fmean(rate) - mean) <= 0.01 * abs(mean)
        ):
            return replace(known, statistic=found.statistic)
    return found


def _without_device(found: Meaning, device: str) -> Meaning:
    """Return the meaning without the device's name in the metric: `cuda_load_time` is cuda's `load_time`."""
    metric = found.metric.removeprefix(f"{device}_")
    return replace(found, metric="latency" if metric == "time" else metric)


def _without_place(found: Meaning, place: Path) -> Meaning:
    """Return the meaning without words that the enclosing key says: `pipeline_avg_time` below `pipeline_cuda`."""
    metric, around = found.metric, set(words(place[-2])) if len(place) > 1 else set()
    if found.family != "time" or not around & set(metric.split("_")):
        return found
    rest = "_".join(part for part in metric.split("_") if part not in around)
    return replace(found, metric="latency" if rest in ("", "time") else rest)


def _fits(found: Meaning, values: Sequence[Any]) -> bool:
    """Tell whether values may be what the name says: 1.7e9 is no duration, and 0.02 no count."""
    finite = [value for value in values if _finite(value)]
    if found.family == "count":
        return all(value == int(value) for value in finite)
    if found.family != "time":
        return True
    started = found.metric in ("start_time", "begin_time", "end_time", "finish_time")
    return not started and not any(value > 1e8 and not found.unit for value in finite)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(value: Any) -> bool:
    return value is None or _is_number(value) or isinstance(value, str) or _numbers(value)


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_number(item) for item in value)


def _finite(value: Any) -> bool:
    try:
        return _is_number(value) and (value == 0 or _SMALLEST < abs(float(value)) < _LARGEST)
    except OverflowError:
        return False
