"""Which box of this frame is the same thing as which box of the frame before.

Boxes are matched by their overlap with where each track should be by now (SORT, Bewley et al. 2016: the assignment with
the largest sum of IoU). Place and size are followed with fixed gains, to which SORT's Kalman filter settles anyway.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from cluster4npu.core.vision.boxes import from_centres, pairwise_iou

_GAIN, _SPEED_GAIN = 0.8, 0.3  # how much of a surprise is believed: of the place, and of the speed a frame
NEW = -1


class BoxTracker:
    """Follows the boxes of one stream. `lost`: a track that was not seen for more frames is forgotten."""

    def __init__(self, least_iou: float, lost: int, confirm: int) -> None:
        self._least_iou, self._lost, self._confirm = least_iou, lost, confirm
        self._next = 1
        self._state = np.zeros((0, 4))  # centre x, centre y, width, height
        self._speed = np.zeros((0, 4))  # of each, a frame
        self._classes = np.zeros(0, np.int64)
        self._ids = np.zeros(0, np.int64)  # NEW: not confirmed yet
        self._seen = np.zeros(0, np.int64)  # frames in which it was found
        self._missed = np.zeros(0, np.int64)  # frames since then

    def update(self, rows: np.ndarray) -> np.ndarray:
        """Return the track of each box (rows: n x 6, as in Detections) as n int64; NEW: not confirmed yet."""
        self._state += self._speed
        self._missed += 1
        boxes, classes = rows[:, :4].astype(np.float64), rows[:, 5].astype(np.int64)
        found, tracks = self._match(boxes, classes)
        centres = _centres(boxes)
        self._follow(tracks, centres[found])
        fresh = np.setdiff1d(np.arange(len(rows)), found)
        first = len(self._ids)
        self._begin(centres[fresh], classes[fresh])
        ids = np.full(len(rows), NEW, np.int64)
        ids[found] = self._ids[tracks]
        ids[fresh] = self._ids[first:]
        # A track that is not confirmed yet must be found in every frame, or flickering boxes would use up numbers.
        self._keep(self._missed <= np.where(self._ids == NEW, 0, self._lost))
        return ids

    def _match(self, boxes: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return indices of boxes, and of the tracks that they belong to."""
        overlap = pairwise_iou(boxes, from_centres(self._state).astype(np.float64))
        overlap = np.where(classes[:, None] == self._classes[None], overlap, 0.0)
        found, tracks = linear_sum_assignment(overlap, maximize=True)
        near = overlap[found, tracks] >= self._least_iou
        return found[near], tracks[near]

    def _follow(self, tracks: np.ndarray, centres: np.ndarray) -> None:
        surprise = centres - self._state[tracks]
        self._state[tracks] += _GAIN * surprise
        # What was not seen for some frames has come by the surprise in all of them.
        self._speed[tracks] += _SPEED_GAIN * surprise / self._missed[tracks, None]
        self._missed[tracks] = 0
        self._seen[tracks] += 1
        self._name()

    def _begin(self, centres: np.ndarray, classes: np.ndarray) -> None:
        count = len(centres)
        self._state = np.concatenate([self._state, centres])
        self._speed = np.concatenate([self._speed, np.zeros((count, 4))])
        self._classes = np.concatenate([self._classes, classes])
        self._ids = np.concatenate([self._ids, np.full(count, NEW, np.int64)])
        self._seen = np.concatenate([self._seen, np.ones(count, np.int64)])
        self._missed = np.concatenate([self._missed, np.zeros(count, np.int64)])
        self._name()

    def _name(self) -> None:
        """Number the tracks that have been found often enough."""
        for index in np.flatnonzero((self._ids == NEW) & (self._seen >= self._confirm)):
            self._ids[index] = self._next
            self._next += 1

    def _keep(self, kept: np.ndarray) -> None:
        self._state, self._speed, self._classes = self._state[kept], self._speed[kept], self._classes[kept]
        self._ids, self._seen, self._missed = self._ids[kept], self._seen[kept], self._missed[kept]


def _centres(boxes: np.ndarray) -> np.ndarray:
    size = boxes[:, 2:4] - boxes[:, :2]
    return np.concatenate([boxes[:, :2] + size / 2, size], axis=1)
