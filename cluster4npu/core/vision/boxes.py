"""Boxes: how much they overlap, and the way back from the model's input to the source frame."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.nodes.values import Geometry


def iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the intersection over union of one box (x1 y1 x2 y2) with each of `boxes` (n x 4), as n floats.

    Boxes without area overlap with nothing.
    """
    width = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    height = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    inter = np.maximum(width, 0) * np.maximum(height, 0)
    union = area(box[None])[0] + area(boxes) - inter
    overlap: np.ndarray = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return overlap


def pairwise_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return `iou` of every one of n boxes with every one of m, as n x m."""
    return np.stack([iou(box, b) for box in a]) if len(a) else np.zeros((0, len(b)), dtype=b.dtype)


def area(boxes: np.ndarray) -> np.ndarray:
    """Return the area of each box (n x 4); 0 for one whose corners are the wrong way round."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    result: np.ndarray = np.maximum(width, 0) * np.maximum(height, 0)
    return result


def from_centres(boxes: np.ndarray) -> np.ndarray:
    """Turn centre x, centre y, width, height (n x 4) into corners x1 y1 x2 y2 (n x 4 float32)."""
    half = boxes[:, 2:4] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1, dtype=np.float32)


def to_frame(boxes: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Map boxes (n x 4, pixels of the model's input) to pixels of the source frame, cut off at its edges."""
    pad = (geometry.pad_x, geometry.pad_y) * 2
    scale = (geometry.scale_x, geometry.scale_y) * 2
    size = (geometry.frame_width, geometry.frame_height) * 2
    mapped = (boxes - np.array(pad)) / np.array(scale)
    clipped: np.ndarray = np.clip(mapped, 0, np.array(size)).astype(np.float32)
    return clipped


def to_model(boxes: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Map boxes (n x 4, pixels of the source frame) to pixels of the model's input."""
    scale = np.array((geometry.scale_x, geometry.scale_y) * 2)
    mapped: np.ndarray = (boxes * scale + np.array((geometry.pad_x, geometry.pad_y) * 2)).astype(np.float32)
    return mapped
