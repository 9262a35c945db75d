"""Non-maximum suppression: of boxes of one class that overlap, the best one stays."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.vision.boxes import iou


def per_class_nms(
    boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, *, threshold: float, limit: int
) -> np.ndarray:
    """Return the indices of the boxes that stay, best first, at most `limit`.

    Greedy: the best box stays and removes every box of its class whose IoU with it is above `threshold`. Of
    equal scores the first is the better one. `boxes` is n x 4 (x1 y1 x2 y2), the others have n entries.
    """
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while left.size and len(kept) < limit:
        best = left[0]
        kept.append(int(best))
        left = left[1:]
        rivals = np.flatnonzero(classes[left] == classes[best])
        if rivals.size:
            beaten = rivals[iou(boxes[best], boxes[left[rivals]]) > threshold]
            left = np.delete(left, beaten)
    return np.array(kept, dtype=np.intp)
