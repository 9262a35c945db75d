"""Proves rows against the file by another way than they were found: each one's place is looked up in the JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cluster4npu.core.store.importing.model import UNKNOWN_NAME, Row

_PRINTED = (
    200  # characters of a text of several lines, from which it is output that somebody may want to read again
)
_NAMED = 3


def unproven(data: Any, rows: Sequence[Row]) -> str:
    """Return why a file may hold more than its rows say, "" where each of them is proven.

    The value at a row's path must be the row's own; model and device must be known, no unit assumed, and no text of
    many lines left.
    """
    figures = [row for row in rows if row.value is not None]
    lost = [
        row.path for row in figures if row.source_value not in set(_numbers_at(data, row.path.split("/")))
    ]
    if lost:
        return f"the places of {len(lost)} rows are not found again in it: {', '.join(lost[:_NAMED])}"
    for what in ("model", "device"):
        if unknown := sum(getattr(row, what) == UNKNOWN_NAME for row in rows):
            return f"{unknown} of its rows are of no known {what}: the file may tell more than they do"
    if assumed := sum(row.unit_rule.startswith("assumed") for row in figures):
        return f"the unit of {assumed} rows is assumed"
    if any(len(text) > _PRINTED and "\n" in text for text in _texts(data)):
        return "it holds printed text, which the store does not keep"
    return ""


def _numbers_at(node: Any, steps: Sequence[str]) -> Iterator[float]:
    """Yield the number at a path; names may hold slashes, too, so every way of reading the path is tried."""
    if not steps:
        if isinstance(node, int | float) and not isinstance(node, bool):
            yield float(node)
        return
    if isinstance(node, list):
        place = steps[0].strip("[]")
        if place.isdecimal() and int(place) < len(node):
            yield from _numbers_at(node[int(place)], steps[1:])
    elif isinstance(node, dict):
        for end in range(1, len(steps) + 1):
            if (name := "/".join(steps[:end])) in node:
                yield from _numbers_at(node[name], steps[end:])


def _texts(node: Any) -> Iterator[str]:
    pending = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list):
            pending += item
