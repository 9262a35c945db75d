"""Tables that stand in JSON column by column: turned into one object per row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from cluster4npu.core.store.importing.metrics import MEASURE, meaning
from cluster4npu.core.store.importing.words import words

_LABELS = (
    {"model", "models", "net", "network", "networks"},
    {
        "accel",
        "accelerator",
        "accelerators",
        "device",
        "devices",
        "hardware",
        "hw",
        "platforms",
        "target",
        "targets",
    },
    {"batch", "batches", "bs"},
    {"precision", "precisions"},
)
_NAMES = ("model", "hardware", "batch_size", "precision")
_HEADS, _BODIES = ("columns", "headers", "header", "fields", "schema"), ("data", "rows", "values", "records")
_RAW = {"latencies", "samples", "raw", "data"}


@dataclass(slots=True)
class ColumnTable:
    """Rows (object, path of the row, numbers read as context), the columns that they take, what all share."""

    rows: list[tuple[dict[str, Any], tuple[str, ...], int]] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    shared: dict[str, Any] = field(default_factory=dict)


def rows_below_names(node: list[Any]) -> list[dict[str, Any]] | None:
    """Return a list of lists as objects where the first row holds the columns' names, one of them a measurement."""
    names = node[0] if node else None
    if not isinstance(names, list) or len(node) < 2 or not all(isinstance(n, str) and n for n in names):
        return None
    if not any(meaning(name).kind == MEASURE for name in names) or len(set(names)) != len(names):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in node[1:]):
        return None
    return [dict(zip(names, row, strict=True)) for row in node[1:]]


def series_of(node: dict[str, Any]) -> dict[str, Any]:
    """Return one series of a metrics server as an object of its labels and values; any other object as it is.

    `{"metric": {"__name__": "latency_seconds", "device": "cpu"}, "value": [1741261512.3, "0.0213"]}`, or
    `{"target": "npu0.fps", "datapoints": [[29.8, 1741261500]]}`
    """
    target, points = node.get("target"), node.get("datapoints")
    if (
        isinstance(target, str)
        and isinstance(points, list)
        and all(isinstance(p, list) and len(p) == 2 for p in points)
    ):
        rest = {name: value for name, value in node.items() if name not in ("target", "datapoints")}
        return {**rest, "metric": target, "value": [value for value, _ in points if value is not None]}
    labels, single, several = node.get("metric"), node.get("value"), node.get("values")
    if not isinstance(labels, dict) or not isinstance(labels.get("__name__"), str):
        return node
    pairs = [single] if isinstance(single, list) else several if isinstance(several, list) else []
    if not pairs or not all(isinstance(p, list) and len(p) == 2 and isinstance(p[1], str) for p in pairs):
        return node
    try:
        found = [float(text) for _, text in pairs]
    except ValueError:
        return node
    named = {name: value for name, value in labels.items() if name != "__name__"}
    return {**named, "metric": labels["__name__"], "value": found if len(found) > 1 else found[0]}


def rows_of(node: Mapping[str, Any], above: Mapping[str, Any]) -> ColumnTable | None:
    """Return an object's columns as rows, None where it holds none.

    Three forms: `columns` with `data` or `rows`; parallel arrays with a column of models, devices or batch
    sizes (which may stand in the enclosing object); columns of numbered objects, as pandas writes them.
    """
    return _split(node) or _parallel(node, above) or _matrix(node) or _crossed(node) or _numbered(node)


def _split(node: Mapping[str, Any]) -> ColumnTable | None:
    for heads, body in product(_HEADS, _BODIES):
        names, rows = node.get(heads), node.get(body)
        if (
            not isinstance(names, list)
            or not isinstance(rows, list)
            or not all(isinstance(n, str) for n in names)
        ):
            continue
        if rows and all(isinstance(row, list) and len(row) == len(names) for row in rows):
            table = ColumnTable(columns={heads, body, "index"})
            for position, row in enumerate(rows):
                table.rows.append((dict(zip(names, row, strict=True)), (body, f"[{position}]"), 0))
            return table
    return None


def _parallel(node: Mapping[str, Any], above: Mapping[str, Any]) -> ColumnTable | None:
    metrics = {
        name: value for name, value in node.items()
        if isinstance(value, list) and len(value) > 0 and meaning(str(name)).kind == MEASURE
        and meaning(str(name)).family != "count"
        and all(item is None or (isinstance(item, int | float) and not isinstance(item, bool)) for item in value)
    }  # fmt: skip
    if not metrics:
        return None
    length = len(next(iter(metrics.values())))
    labels = _labels(node, length, own=True)
    if not labels and not any(set(words(name)) & _RAW for name in metrics):
        labels = _labels(above, length, own=False)
    if not labels or any(len(value) != length for value in metrics.values()):
        return None
    same = {name for name, value in node.items() if name in metrics or value in labels.values()}
    table = ColumnTable(columns=same, shared={k: v for k, v in node.items() if k not in same})
    for position in range(length):
        row = {name: values[position] for name, values in metrics.items()}
        row |= {name: values[position] for name, values in labels.items()}
        table.rows.append((row, (f"[{position}]",), 0))
    return table


def _labels(node: Mapping[str, Any], length: int, *, own: bool) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, value in node.items():
        if (
            not isinstance(value, list)
            or len(value) != length
            or (len(set(map(str, value))) != length and not own)
        ):
            continue
        parts = set(words(str(name)))
        for kinds, field_name in zip(_LABELS, _NAMES, strict=True):
            kind: type | tuple[type, ...] = int if field_name == "batch_size" else str
            if parts & kinds and all(isinstance(item, kind) for item in value):
                found.setdefault(field_name, value)
    return found if own else {k: v for k, v in found.items() if k == "model"}


def _matrix(node: Mapping[str, Any]) -> ColumnTable | None:
    """Models in one list, devices in another, and a metric's rows of figures: one for each of both."""
    found: dict[str, list[str]] = {}
    for name, value in node.items():
        for kinds, field_name in zip(_LABELS[:2], _NAMES[:2], strict=True):
            if (
                set(words(str(name))) & kinds
                and isinstance(value, list)
                and all(isinstance(i, str) for i in value)
            ):
                found.setdefault(field_name, value)
    if len(found) < 2 or not found["model"] or not found["hardware"]:
        return None
    table, shape = ColumnTable(), (len(found["model"]), len(found["hardware"]))
    for name, rows in node.items():
        if meaning(str(name)).family not in ("time", "rate", "size") or not isinstance(rows, list):
            continue
        if len(rows) == shape[0] and all(isinstance(row, list) and len(row) == shape[1] for row in rows):
            table.columns |= {name, *(key for key, value in node.items() if value in found.values())}
            table.rows += [
                ({name: value, "model": model, "hardware": device}, (str(name), f"[{x}]", f"[{y}]"), 0)
                for x, (model, row) in enumerate(zip(found["model"], rows, strict=True))
                for y, (device, value) in enumerate(zip(found["hardware"], row, strict=True))
            ]
    return table if table.rows else None


def _crossed(node: Mapping[str, Any]) -> ColumnTable | None:
    """Devices in a list, and a metric's object with a list of as many figures for each model; or the other way."""
    lists = {
        name: value for name, value in node.items()
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value)
    }  # fmt: skip
    table = ColumnTable()
    for name, rows in node.items():
        if (
            not isinstance(rows, dict)
            or not rows
            or meaning(str(name)).family not in ("time", "rate", "size")
        ):
            continue
        for listed, labels in lists.items():
            own = (
                "hardware"
                if set(words(listed)) & _LABELS[1]
                else "model"
                if set(words(listed)) & _LABELS[0]
                else ""
            )
            if own and all(isinstance(row, list) and len(row) == len(labels) for row in rows.values()):
                other = "model" if own == "hardware" else "hardware"
                table.columns |= {name, listed}
                table.rows += [
                    ({name: value, own: label, other: str(key)}, (str(name), str(key), f"[{at}]"), 0)
                    for key, row in rows.items()
                    for at, (value, label) in enumerate(zip(row, labels, strict=True))
                ]
                break
    return table if table.rows else None


def _numbered(node: Mapping[str, Any]) -> ColumnTable | None:
    columns = {name: value for name, value in node.items() if isinstance(value, dict)}
    if len(columns) < 2 or len(columns) != len(node):
        return None
    keys = list(next(iter(columns.values())))
    if (
        not keys
        or any(list(value) != keys for value in columns.values())
        or keys != [str(n) for n in range(len(keys))]
    ):
        return None
    if not any(meaning(str(name)).kind == MEASURE for name in columns) or any(
        isinstance(item, dict | list) for value in columns.values() for item in value.values()
    ):
        return None
    table = ColumnTable(columns=set(columns))
    for key in keys:
        table.rows.append(({name: value[key] for name, value in columns.items()}, (f"[{key}]",), 0))
    return table
