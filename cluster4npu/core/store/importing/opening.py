"""Opens what a file writes in short: joined names, a number and its unit in a pair, described columns, ranks apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from cluster4npu.core.store.importing.judging import HOST_KEYS
from cluster4npu.core.store.importing.labels import dimensions
from cluster4npu.core.store.importing.metrics import MEASURE, meaning
from cluster4npu.core.store.importing.model import Path
from cluster4npu.core.store.importing.unit_words import of_unit, plain_unit
from cluster4npu.core.store.importing.values import are_numbers, is_number
from cluster4npu.core.store.importing.words import rank_of, words

_JOINTS = re.compile(r"::|\.(?=[A-Za-z_])|/(?=[A-Za-z0-9_])|__|>\s*")
_NO_JOINTS = re.compile(
    r"[\s=,|\[(]|^https?:|/s$|/(?:sec|s|second|op|ops|w|j|watt|joule|frame|image|item|token|min)\b",
    re.IGNORECASE,
)
_LONGEST = 300  # characters of a name
_BODIES = ("data", "rows", "values", "records")
_HEADS = ("columns", "headers", "header", "fields", "schema")
_CALLED = ("name", "id", "field", "label", "key", "column", "title")
_RANKS = {"percentiles", "percentile", "quantiles", "ranks", "pct"}


class Places:
    """Where in the file the figures of opened objects stand."""

    def __init__(self) -> None:
        self._real: dict[Path, Path] = {}

    def note(self, opened: Path, real: Path) -> None:
        """Note that what is read at `opened` stands at `real`."""
        self._real[opened] = self.real(real)

    def real(self, path: Path) -> Path:
        """Return the file's own path of a place."""
        if not self._real:
            return path
        for length in range(len(path), 0, -1):
            if (found := self._real.get(path[:length])) is not None:
                return (*found, *path[length:])
        return path


def opened(node: Mapping[str, Any], path: Path, places: Places) -> Mapping[str, Any]:
    """Return an object as it would be written at length; `places` learns where its parts stand.

    `{"gpu.latency.p50": 3.2}`, `{"latency": [12.5, "ms"]}`, `{"columns": [{"name": "fps", "unit": "1/s"}], ...}`,
    `{"percentiles": [50, 99], "latencies_ms": [1.2, 2.4]}`.
    """
    return _joined(_ranked(_described(_paired(node, path, places)), path, places), path, places)


def _paired(node: Mapping[str, Any], path: Path, places: Places) -> Mapping[str, Any]:
    """Open `[12.5, "ms"]`."""
    pairs = {key: value for key, value in node.items() if _is_pair(value)}
    if not pairs:
        return node
    for key in pairs:
        places.note((*path, str(key), "value"), (*path, str(key), "[0]"))
    return {k: {"value": v[0], "unit": v[1]} if k in pairs else v for k, v in node.items()}


def _is_pair(value: Any) -> bool:
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not is_number(value[0])
        or not isinstance(value[1], str)
    ):
        return False
    return value[1].strip() == "%" or of_unit(plain_unit(value[1])).kind == MEASURE


def _described(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Turn columns that are described by objects into their names, with the unit in them."""
    for heads in _HEADS:
        columns = node.get(heads)
        if not isinstance(columns, list) or not columns or not all(isinstance(c, dict) for c in columns):
            continue
        if not any(isinstance(node.get(body), list) for body in _BODIES):
            continue
        names = [_name_of(column) for column in columns]
        if all(names) and len(set(names)) == len(names):
            return {**node, heads: names}
    return node


def _name_of(column: Mapping[str, Any]) -> str:
    told = {str(key).lower(): value for key, value in column.items()}
    name = next((told[key] for key in _CALLED if isinstance(told.get(key), str)), "")
    unit = next((told[key] for key in ("unit", "units") if isinstance(told.get(key), str)), "")
    return f"{name} ({unit})" if name and unit and unit.lower() not in words(name) else name


def _ranked(node: Mapping[str, Any], path: Path, places: Places) -> Mapping[str, Any]:
    """Open percentiles in one list, their values in another."""
    heads = next((k for k, v in node.items() if set(words(str(k))) <= _RANKS and _are_ranks(v)), None)
    if heads is None:
        return node
    ranks = [f"p{float(rank) * (100 if max(node[heads]) <= 1 else 1):.10g}" for rank in node[heads]]
    found: dict[str, Any] = {}
    for key, value in node.items():
        fits = are_numbers(value) and len(value) == len(ranks) and list(value) == sorted(value)
        if key == heads:
            continue
        if fits and meaning(str(key)).family in ("time", "rate"):
            for at, rank in enumerate(ranks):
                places.note((*path, str(key), rank), (*path, str(key), f"[{at}]"))
            found[key] = dict(zip(ranks, value, strict=True))
        else:
            found[key] = value
    return found if any(isinstance(found[k], dict) and not isinstance(node[k], dict) for k in found) else node


def _are_ranks(value: Any) -> bool:
    return (
        are_numbers(value) and len(value) > 1 and len(set(value)) == len(value) and list(value) == sorted(value)
        and all(0 < rank <= 100 for rank in value) and all(rank_of(f"{rank:g}") for rank in value)
    )  # fmt: skip


def _joined(node: Mapping[str, Any], path: Path, places: Places) -> Mapping[str, Any]:
    """Open names that hold a path: where parts of it are shared, or tell a device, a model or the like."""
    if not any("." in key or "/" in key or "__" in key or ":" in key or ">" in key for key in map(str, node)):
        return node
    parted = {key: parts for key, value in node.items() if (parts := _parts(str(key), value))}
    shared = Counter(parts[:depth] for parts in parted.values() for depth in range(1, len(parts)))
    chosen = {
        key: parts for key, parts in parted.items()
        if any(count > 1 for depth in range(1, len(parts)) if (count := shared[parts[:depth]]))
        or any(dimensions(part)[0] for part in parts[:-1])
    }  # fmt: skip
    if not chosen:
        return node
    found: dict[str, Any] = {str(k): v for k, v in node.items() if k not in chosen}
    for key, parts in chosen.items():
        inner = found
        for part in parts[:-1]:
            below = inner.setdefault(part, {})
            if not isinstance(below, dict):
                return node
            inner = below
        if parts[-1] in inner:
            return node
        inner[parts[-1]] = node[key]
        places.note((*path, *parts), (*path, str(key)))
    return found


def _parts(key: str, value: Any) -> tuple[str, ...]:
    """Return the steps that a name holds, () for a name that is one."""
    holds_more = isinstance(value, Mapping) or (isinstance(value, list) and not are_numbers(value))
    if holds_more or len(key) > _LONGEST or _NO_JOINTS.search(key):
        return ()
    parts = tuple(part.strip() for part in _JOINTS.split(key))
    return parts if len(parts) > 1 and all(parts) and parts[0].lower() not in HOST_KEYS else ()
