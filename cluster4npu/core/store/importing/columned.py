"""Lists whose columns an enclosing object names, with a figure for every combination of parameters in each column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from cluster4npu.core.store.importing.names import DEVICES, PRECISIONS, base_device, family_of
from cluster4npu.core.store.importing.values import is_number
from cluster4npu.core.store.importing.words import words

_MOST = 100_000  # combinations


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of such a list: its column and place in it, its statistic, and what its parameters tell."""

    column: int
    position: int
    statistic: str
    value: float
    fields: Mapping[str, str]


def cells_of(value: Any, above: Mapping[str, Any]) -> list[Cell]:
    """Return the figures of a list below `{"result_columns": ["result", "params", ...]}`; [] for any other list.

    `[[0.012, 0.048], [["resnet50", "vgg16"]], ...]` has one figure for each of the parameters' combinations.
    """
    heads = next((v for k, v in above.items() if words(str(k))[-1:] == ("columns",) and _are_texts(v)), None)
    if not heads or not isinstance(value, list) or not 0 < len(value) <= len(heads):
        return []
    columns = dict(zip(heads, value, strict=False))
    params = columns.get("params", columns.get("parameters")) or []
    if not isinstance(params, list) or not all(map(_are_texts, params)):
        return []
    size = 1
    for each in params:
        size *= len(each)
    if size > _MOST:
        return []
    combinations = list(product(*params))
    found = []
    for at, (head, items) in enumerate(columns.items()):
        statistic = _statistic(head)
        if not statistic or not isinstance(items, list) or len(items) != len(combinations):
            continue
        found += [
            Cell(at, position, statistic, item, _fields(combination))
            for position, (item, combination) in enumerate(zip(items, combinations, strict=True))
            if is_number(item)
        ]
    return found


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _statistic(head: str) -> str:
    """Return what a column holds: "value" of `result`, "ci_low" of `stats_ci_99_a`, "p25" of `stats_q_25`."""
    parts = words(head)
    if parts in (("result",), ("results",), ("value",)):
        return "value"
    if "ci" in parts and parts[-1] in ("a", "b"):
        return "ci_low" if parts[-1] == "a" else "ci_high"
    rank = re.search(r"(?:^|_)q_(\d\d?)$", head.lower())
    return f"p{int(rank[1])}" if rank else ""


def _fields(combination: tuple[str, ...]) -> dict[str, str]:
    told: dict[str, str] = {}
    for text in (part.strip("'\" ") for part in combination):
        if base_device(text) in DEVICES:
            told.setdefault("device", text)
        elif text.lower() in PRECISIONS:
            told.setdefault("precision", text)
        elif family_of(text):
            told.setdefault("model", text)
        else:
            told["test"] = "/".join(filter(None, (told.get("test"), text)))
    return told
