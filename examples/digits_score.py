"""Score an exported detector with ONNX Runtime: decoding, non-maximum suppression and average precision."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnxruntime
from digits_scene import CLASSES, Boxes, Image, letterbox
from numpy.typing import NDArray

CONFIDENCE = 0.001
NMS_IOU = 0.55
MATCH_IOU = 0.5


def pairwise_iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the IoU of every corner box of ``a`` with every one of ``b``."""
    inner = np.minimum(a[:, None, 2:4], b[None, :, 2:4]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = np.clip(inner, 0, None).prod(-1)
    areas = [(boxes[:, 2:4] - boxes[:, :2]).prod(-1) for boxes in (a, b)]
    return shared / (areas[0][:, None] + areas[1][None] - shared + 1e-9)


def suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> list[int]:
    """Return the boxes to keep, best first: each one drops the weaker ones that overlap it."""
    order, keep = np.argsort(-scores, kind="stable"), []
    iou = pairwise_iou(boxes, boxes)
    while len(order):
        keep.append(int(order[0]))
        order = order[iou[order[0], order] <= NMS_IOU]
    return keep


class OnnxDetector:
    """The exported network with the pre- and post-processing around it."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, image: Image) -> NDArray[np.float32]:
        """Return the detections in an RGB image as [n, 6]: x1, y1, x2, y2, class, score."""
        fitted, scale, pad = letterbox(image)
        tensor = fitted.transpose(2, 0, 1)[None].astype(np.float32) / 255
        output = self.session.run(None, {"images": tensor})[0][0].T
        labels, scores = output[:, 4:].argmax(1), output[:, 4:].max(1)
        sure = scores >= CONFIDENCE
        labels, scores, centres, halves = labels[sure], scores[sure], output[sure, :2], output[sure, 2:4] / 2
        boxes = np.concatenate([centres - halves, centres + halves], 1)
        boxes = (boxes - (*pad, *pad)) / scale
        found = []
        for label in np.unique(labels):
            own = np.flatnonzero(labels == label)
            kept = own[suppress(boxes[own], scores[own])]
            found.append(np.column_stack([boxes[kept], labels[kept], scores[kept]]))
        return np.concatenate(found) if found else np.empty((0, 6), np.float32)


def area_under_envelope(hits: NDArray[np.bool_], truths: int) -> float:
    """Return the average precision (all-point interpolation) of detections sorted by falling score."""
    true_positives = np.cumsum(hits)
    recall = np.concatenate([[0.0], true_positives / truths, [1.0]])
    precision = np.concatenate([[1.0], true_positives / np.arange(1, len(hits) + 1), [0.0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope[1:]))


def average_precisions(detector: OnnxDetector, scenes: Iterable[tuple[Image, Boxes]]) -> list[float]:
    """Return the average precision at IoU 0.5 of each class over the scenes."""
    scored: list[list[tuple[float, bool]]] = [[] for _ in CLASSES]
    truths = [0] * len(CLASSES)
    for image, truth in scenes:
        found = detector(image)
        for label in range(len(CLASSES)):
            own, wanted = found[found[:, 4] == label], truth[truth[:, 4] == label]
            truths[label] += len(wanted)
            free = np.ones(len(wanted), bool)
            for overlaps, score in zip(pairwise_iou(own, wanted), own[:, 5], strict=True):
                overlaps = overlaps * free
                hit = bool(len(wanted) and overlaps.max() >= MATCH_IOU)
                if hit:
                    free[overlaps.argmax()] = False
                scored[label].append((float(score), hit))
    results = []
    for label in range(len(CLASSES)):
        ranked = sorted(scored[label], key=lambda entry: -entry[0])
        results.append(area_under_envelope(np.array([hit for _, hit in ranked], bool), truths[label]))
    return results
