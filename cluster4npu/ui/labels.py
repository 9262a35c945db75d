"""Where the labels of boxes on a frame stand, so that they do not hide each other."""

from __future__ import annotations

import numpy as np


def place_labels(
    boxes: np.ndarray, sizes: np.ndarray, within: tuple[float, float, float, float]
) -> np.ndarray:
    """Return the label's place (left, top, right, bottom) for each box, (n, 4), all in the same pixels.

    `boxes` (n, 4) stand in order of importance, `sizes` (n, 2) are widths and heights of their labels; every place
    lies in `within`. Each label takes the first free place of: over the box, under it, at its upper edge inside,
    over and under it at its right end, and beside it. Where none is free it stands over the box and over another's.
    """
    left, top, right, bottom = within
    placed = np.empty((len(boxes), 4))
    for index, (box, (width, height)) in enumerate(zip(boxes, sizes, strict=True)):
        x1, y1, x2, y2 = box.tolist()
        corners = _candidates(x1, y1, x2, y2, width, height)
        corners[:, 0] = np.clip(corners[:, 0], left, max(left, right - width))
        corners[:, 1] = np.clip(corners[:, 1], top, max(top, bottom - height))
        choice = np.hstack([corners, corners + np.array((width, height))])
        free = ~_overlaps(choice, placed[:index]).any(axis=1)
        placed[index] = choice[int(free.argmax())]  # the first of all where none is free
    return placed


def _candidates(x1: float, y1: float, x2: float, y2: float, width: float, height: float) -> np.ndarray:
    """Return the upper left corners (7, 2) that are tried, best first."""
    return np.array(
        [
            (x1, y1 - height),
            (x1, y2),
            (x1, y1),
            (x2 - width, y1 - height),
            (x2 - width, y2),
            (x2, y1),
            (x1 - width, y1),
        ]
    )


def _overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Tell which of the places `a` (n, 4) share room with which of `b` (m, 4): (n, m) of bool."""
    a = a[:, None]
    return (a[..., 0] < b[:, 2]) & (b[:, 0] < a[..., 2]) & (a[..., 1] < b[:, 3]) & (b[:, 1] < a[..., 3])
