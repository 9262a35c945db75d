"""What a pipeline file may hold: how much, how far, and which numbers and texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from cluster4npu.core.errors import Problem

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_ENTRIES = {"nodes": 5_000, "edges": 20_000, "boxes": 5_000}
FARTHEST = 2_000_000.0  # pixels of the canvas, on either side
SIDES = (40.0, 2.5 * FARTHEST)  # of a box, in pixels: one around all nodes is possible


def too_many(counts: dict[str, int]) -> list[Problem]:
    """Return what there is more of than the window can show."""
    return [
        Problem(
            f"more {name} than a pipeline can have",
            field=name,
            found=f"{counts[name]:,}",
            allowed=f"at most {most:,}",
            hint="Divide it into several pipelines.",
        )
        for name, most in MAX_ENTRIES.items()
        if counts[name] > most
    ]


def too_large(what: str, size: int, hint: str) -> Problem:
    """Return the problem of a file of so many bytes."""
    return Problem(
        f"{what} is too large for a pipeline file",
        found=f"{size:,} bytes",
        allowed=f"at most {MAX_FILE_BYTES:,} bytes",
        hint=hint,
    )


def unwritable(data: dict[str, Any]) -> Iterator[Problem]:
    """Find what JSON text can name but no file can hold again.

    Python's reader takes NaN and Infinity, and 1e999 for the latter, and halves of characters (`\\ud800`). No path
    can hold a character of the number 0.
    """
    todo: list[tuple[tuple[str, ...], object]] = [((), data)]
    while todo:
        place, value = todo.pop()
        if isinstance(value, dict):
            todo += reversed([((*place, _shown(str(key))), inner) for key, inner in value.items()])
            todo += [(place, key) for key in value if isinstance(key, str) and not _is_text(key)]
        elif isinstance(value, list):
            todo += reversed([((*place, str(index)), inner) for index, inner in enumerate(value)])
        elif isinstance(value, float) and not math.isfinite(value):
            found = "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
            yield _problem("this is not a number that JSON knows", place, data, found, "a finite number")
        elif isinstance(value, str) and not _is_text(value):
            yield _problem(
                "this is not a text", place, data, _shown(value), "whole characters, none of the number 0"
            )


def place_of(loc: Sequence[str], data: dict[str, Any]) -> tuple[str, str]:
    """Return the id of the node in which this place of the file lies ("": in none), and the field."""
    entries = data.get("nodes")
    if len(loc) < 2 or loc[0] != "nodes" or not loc[1].isdigit() or not isinstance(entries, list):
        return "", ".".join(loc[:6])
    entry = entries[int(loc[1])]
    name = str(entry.get("id", f"nodes[{loc[1]}]")) if isinstance(entry, dict) else f"nodes[{loc[1]}]"
    return _shown(name), ".".join(loc[2:8])


def _problem(message: str, place: Sequence[str], data: dict[str, Any], found: str, allowed: str) -> Problem:
    node, field = place_of(place, data)
    field = field.removeprefix("params.")
    return Problem(message, node, field, found[:120], allowed, hint="Correct the value.")


def _is_text(value: str) -> bool:
    if value.isascii() or "\0" in value:
        return "\0" not in value
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: str) -> str:
    """Return a text that can be printed and drawn; halves of characters by their numbers."""
    return value.encode(errors="backslashreplace").decode().replace("\0", "\\0")
