"""Swin layers (Liu et al. 2021): attention inside of windows, which are moved by half in every second layer."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.families.blocks import attention, feed_forward
from cluster4npu.core.families.graph import Graph

_HIDDEN = -1e4


def swin_layer(graph: Graph, x: str, side: int, width: int, heads: int, window: int, *, moved: bool) -> str:
    """Add one layer over batch x side x side x width."""
    window = min(window, side)
    shift = window // 2 if moved and window < side else 0
    y = graph.layer_norm(x, width)
    y = _roll(graph, y, shift) if shift else y
    y = _into_windows(graph, y, side, width, window)
    y = _inside(graph, y, side, width, heads, window, shift)
    y = _out_of_windows(graph, y, side, width, window)
    y = _roll(graph, y, side - shift) if shift else y
    x = graph.add(x, y)
    return graph.add(x, feed_forward(graph, graph.layer_norm(x, width), width, 4 * width, "Gelu"))


def merge(graph: Graph, x: str, width: int) -> str:
    """Join each square of four places into one of twice the width."""
    rows = [graph.piece(x, 1, first, 2**31, 2) for first in (0, 1)]
    parts = [graph.piece(row, 2, first, 2**31, 2) for first in (0, 1) for row in rows]
    y = graph.layer_norm(graph.op("Concat", *parts, axis=3), 4 * width)
    return graph.dense(y, 4 * width, 2 * width, bias=False)


def _inside(graph: Graph, x: str, side: int, width: int, heads: int, window: int, shift: int) -> str:
    """Add attention in each window, with a learned number for each distance; windows are along the batch axis."""
    places = window * window
    mask = graph.random(1, heads, places, places, inner=1)
    if shift:
        apart = graph.constant(_apart(side, window, shift)[:, None])  # windows x 1 x places x places
        count = (side // window) ** 2
        images = graph.reshape(graph.piece(graph.piece(x, 1, 0, 1), 2, 0, 1), -1, count, 1, 1, 1)
        zeros = graph.scale(images, 0.0)  # one for each window of each image
        each = graph.op("Add", zeros, graph.op("Unsqueeze", apart, graph.whole(0)))
        mask = graph.add(mask, graph.reshape(each, -1, 1, places, places))
    return attention(graph, x, x, x, width, heads, mask=mask)


def _roll(graph: Graph, x: str, by: int) -> str:
    for axis in (1, 2):
        x = graph.op("Concat", graph.piece(x, axis, by, 2**31), graph.piece(x, axis, 0, by), axis=axis)
    return x


def _into_windows(graph: Graph, x: str, side: int, width: int, window: int) -> str:
    count = side // window
    x = graph.transpose(graph.reshape(x, -1, count, window, count, window, width), 0, 1, 3, 2, 4, 5)
    return graph.reshape(x, -1, window * window, width)


def _out_of_windows(graph: Graph, x: str, side: int, width: int, window: int) -> str:
    count = side // window
    x = graph.transpose(graph.reshape(x, -1, count, count, window, window, width), 0, 1, 3, 2, 4, 5)
    return graph.reshape(x, -1, side, side, width)


def _apart(side: int, window: int, shift: int) -> np.ndarray:
    """Return what keeps places apart that only the move has brought into one window: windows x places x places."""
    bounds = np.digitize(np.arange(side), [side - window, side - shift])
    region = (bounds[:, None] * 3 + bounds[None]).reshape(side // window, window, side // window, window)
    places = region.transpose(0, 2, 1, 3).reshape(-1, window * window)
    found: np.ndarray = np.where(places[:, None] == places[:, :, None], 0, _HIDDEN).astype(np.float32)
    return found
