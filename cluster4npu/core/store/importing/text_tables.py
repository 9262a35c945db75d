"""Objects that are written as text: `name=value` pairs, comma-separated tables, JSON in a string."""

from __future__ import annotations

import csv
import json
import re
from typing import Any

from cluster4npu.core.store.importing.metrics import MEASURE, meaning
from cluster4npu.core.store.importing.words import statistic_of, words

_LONGEST = 2_000_000  # characters
_MOST_LINES = 20_000
_PAIR = re.compile(
    r"\s*([A-Za-z_][\w./%-]*)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s,;|]+(?:\s(?:ms|us|µs|ns|s|fps|qps|MB|MiB|GB|GiB|W|mW|J|mJ|%)\b)?)\s*[,;|]?"
)
_SEPARATORS = (",", "\t", ";", "|")


def objects_in(text: str) -> Any:
    """Return the object or the list of objects that a text is; None for any other text.

    >>> objects_in("model=a latency=12.5ms fps=80.1")
    {'model': 'a', 'latency': '12.5ms', 'fps': '80.1'}
    """
    stripped = text.strip()
    if len(stripped) > _LONGEST or len(stripped) < 5:
        return None
    if stripped[0] in "{[" and stripped[-1] in "}]":
        return _json(stripped)
    lines = [line for line in stripped.splitlines() if line.strip()]
    if not lines or len(lines) > _MOST_LINES:
        return None
    return _table(lines) or _pairs(lines)


def _json(text: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _pairs(lines: list[str]) -> Any:
    """Return an object for each line of pairs, if all of every line is pairs and each has a measurement."""
    found = []
    for line in lines:
        told: dict[str, str] = {}
        end = 0
        while match := _PAIR.match(line, end):
            told[match[1]] = match[2].strip("\"'")
            end = match.end()
        if line[end:].strip() or len(told) < 2 or not any(map(_is_measured, told)):
            return None
        found.append(told)
    return found[0] if len(found) == 1 else found


def _is_measured(name: str) -> bool:
    return meaning(name).kind == MEASURE or bool(statistic_of(words(name)))


def _table(lines: list[str]) -> list[dict[str, Any]] | None:
    """Return the rows of a table whose first line names its columns, one of them a measurement."""
    lines = [line for line in lines if not re.fullmatch(r"[\s|:+=-]+", line)]
    for separator in _SEPARATORS:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
        if separator == "|":
            rows = [row[1:-1] if row and not row[0] and not row[-1] else row for row in rows]
        names = rows[0] if rows else []
        if len(rows) < 2 or len(names) < 2 or len(set(names)) != len(names) or not all(names):
            continue
        if any(len(row) != len(names) for row in rows) or not any(
            meaning(name).kind == MEASURE for name in names
        ):
            continue
        return [dict(zip(names, row, strict=True)) for row in rows[1:]]
    return None
