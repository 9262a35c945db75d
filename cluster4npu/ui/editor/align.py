"""Where selected nodes go when they are lined up or spread evenly; pure arithmetic on places and sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Pair = tuple[float, float]
Rects = Mapping[str, tuple[Pair, Pair]]  # id: (place, size), in canvas pixels

KINDS = ("left", "right", "top", "bottom", "center", "middle", "columns", "rows")


def aligned(rects: Rects, kind: str) -> dict[str, Pair]:
    """Return the new places; `kind` is one of KINDS ("columns" and "rows" spread them with equal gaps)."""
    if kind in ("columns", "rows"):
        return _spread(rects, 0 if kind == "columns" else 1)
    axis = 0 if kind in ("left", "right", "center") else 1
    part = 0.0 if kind in ("left", "top") else 1.0 if kind in ("right", "bottom") else 0.5
    pick: Callable[..., float] = min if part == 0.0 else max
    edges = [place[axis] + part * size[axis] for place, size in rects.values()]
    goal = sum(edges) / len(edges) if part == 0.5 else pick(edges)
    return {node: _with(place, axis, goal - part * size[axis]) for node, (place, size) in rects.items()}


def _spread(rects: Rects, axis: int) -> dict[str, Pair]:
    order = sorted(rects, key=lambda node: rects[node][0][axis])
    first, last = rects[order[0]], rects[order[-1]]
    room = last[0][axis] + last[1][axis] - first[0][axis] - sum(rects[n][1][axis] for n in order)
    gap = max(room / max(len(order) - 1, 1), 12.0)  # where they overlap, they are drawn apart
    places = {}
    at = first[0][axis]
    for node in order:
        place, size = rects[node]
        places[node] = _with(place, axis, at)
        at += size[axis] + gap
    return places


def _with(place: Pair, axis: int, value: float) -> Pair:
    return (value, place[1]) if axis == 0 else (place[0], value)
