"""Lines and areas on a frame, written as points in parts of its width and height: "0,0.5 1,0.5"."""

from __future__ import annotations

import numpy as np


def points(text: str) -> np.ndarray:
    """Return the points (n x 2 float64, 0..1) of "X,Y X,Y ..."; raises ValueError saying what is wrong."""
    found = []
    for pair in text.split():
        numbers = pair.split(",")
        try:
            x, y = (float(number) for number in numbers)
        except ValueError:
            raise ValueError(f"'{pair[:40]}' is no point; write X,Y with both between 0 and 1") from None
        if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
            raise ValueError(f"the point {pair[:40]} is outside the frame; both numbers are between 0 and 1")
        found.append((x, y))
    return np.array(found, np.float64).reshape(-1, 2)


def checked(text: str, least: int, most: int) -> str:
    """Return the text when it holds so many different points; raises ValueError. For validators of parameters."""
    count = len(np.unique(points(text), axis=0))
    if not least <= count <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise ValueError(f"{wanted} different points are needed, X,Y X,Y ..., not {count}")
    return text


def inside(outline: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Tell of each place (n x 2) whether it lies in the area with these corners (m x 2), as n bools (even-odd rule)."""
    x, y = places[:, :1], places[:, 1:]
    ax, ay = outline[:, 0], outline[:, 1]
    bx, by = np.roll(ax, -1), np.roll(ay, -1)
    spans = (ay > y) != (by > y)
    height = np.where(by == ay, 1.0, by - ay)  # a level edge spans nothing
    crossings = spans & (x < (bx - ax) * (y - ay) / height + ax)
    odd: np.ndarray = crossings.sum(axis=1) % 2 == 1
    return odd


def crosses(start: np.ndarray, end: np.ndarray, before: np.ndarray, after: np.ndarray) -> int:
    """Tell how the way from `before` to `after` crosses the line: 1 to its right, -1 to its left, 0 not at all.

    Right is meant for somebody who looks from `start` to `end` on a picture whose y grows downwards.
    """
    was, now = _side(start, end, before), _side(start, end, after)
    if (was >= 0) == (now >= 0) or (_side(before, after, start) >= 0) == (_side(before, after, end) >= 0):
        return 0
    return 1 if now >= 0 else -1


def _side(start: np.ndarray, end: np.ndarray, place: np.ndarray) -> float:
    return float((end[0] - start[0]) * (place[1] - start[1]) - (end[1] - start[1]) * (place[0] - start[0]))
