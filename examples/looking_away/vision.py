"""What the nodes compute: contrast, movement, the head, its cut-out, the eyes, and how far they are apart."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import skimage.data
from skimage.feature import Cascade

FACE = 96  # side of the cut-out in pixels
_NEIGHBOURHOOD = 30.0  # pixels: the light may differ from one such region to the next
_WANTED_SPREAD, _NOISE = 55.0, 4.0  # grey levels
MOVED = 2.0  # mean difference of grey levels above which something moves
AWAY = 0.395  # eye distance as a share of the head's width: 0.41-0.47 straight ahead, 0.33-0.385 turned by 50 degrees
_NOT_FOUND_LIMIT = 3
_EYE_ROWS = slice(28, 56)
_LEFT_EYE, _RIGHT_EYE = slice(10, 46), slice(50, 86)
_LEAST_DARKNESS = 12.0  # grey levels by which an eye is darker than what surrounds it

Box = tuple[int, int, int, int]  # x, y, width, height
Point = tuple[float, float]


def contrast(frame: np.ndarray) -> np.ndarray:
    """Stretch the contrast everywhere by as much as is missing there: away from the local mean, by the local spread."""
    grey = frame.astype(np.float32)
    mean = cv2.GaussianBlur(grey, (0, 0), _NEIGHBOURHOOD)
    spread = np.sqrt(np.maximum(cv2.GaussianBlur(grey * grey, (0, 0), _NEIGHBOURHOOD) - mean * mean, 0))
    return np.clip(127 + _WANTED_SPREAD * (grey - mean) / (spread + _NOISE), 0, 255).astype(np.uint8)


def movement(two: tuple[np.ndarray, np.ndarray]) -> bool:
    """Tell whether the two frames differ by more than noise."""
    return bool(cv2.absdiff(*two).mean() > MOVED)


@dataclass(frozen=True, eq=False)
class Head:
    """A frame, where the head is in it (None: not known), and whether nobody was found three times in a row."""

    frame: np.ndarray
    box: Box | None
    gone: bool


class HeadDetector:
    """The frontal-face cascade of scikit-image. It bridges two frames in which it finds nobody."""

    def __init__(self) -> None:
        self._cascade = Cascade(skimage.data.lbp_frontal_face_cascade_filename())
        self._last: Box | None = None
        self._not_found = 0

    def __call__(self, frame: np.ndarray) -> Head:
        """Find the largest head from 70 to 160 pixels."""
        found = self._cascade.detect_multi_scale(
            img=frame, scale_factor=1.2, step_ratio=1, min_size=(70, 70), max_size=(160, 160)
        )
        if found:
            best = max(found, key=lambda box: box["width"])
            self._last, self._not_found = (best["c"], best["r"], best["width"], best["height"]), 0
        else:
            self._not_found += 1
        gone = self._not_found >= _NOT_FOUND_LIMIT
        return Head(frame, None if gone else self._last, gone)


def presence(head: Head) -> bool:
    """Tell whether somebody is there."""
    return not head.gone


def clip(head: Head) -> np.ndarray | None:
    """Cut the head out and bring it to FACE x FACE pixels; None without a head."""
    if head.box is None:
        return None
    x, y, width, height = head.box
    cut = head.frame[y : y + height, x : x + width]
    return cv2.resize(cut, (FACE, FACE), interpolation=cv2.INTER_AREA)


def eyes(face: np.ndarray) -> tuple[Point, Point] | None:
    """Find the two eyes: in each half of the upper face, the spot that is darkest against what surrounds it.

    The difference of two Gaussians answers to dark spots of the size of an eye. None where a half has no such spot.
    """
    grey = face.astype(np.float32)
    darkness = cv2.GaussianBlur(grey, (0, 0), 7) - cv2.GaussianBlur(grey, (0, 0), 2.2)
    points: list[Point] = []
    for half in (_LEFT_EYE, _RIGHT_EYE):
        part = darkness[_EYE_ROWS, half]
        row, column = np.unravel_index(int(part.argmax()), part.shape)
        if part[row, column] < _LEAST_DARKNESS:
            return None
        points.append((float(column) + half.start, float(row) + _EYE_ROWS.start))
    return points[0], points[1]


def distance(samples: tuple[tuple[Point, Point], ...]) -> float:
    """Return how far the eyes are apart, as a share of the head's width; the mean of the samples."""
    return float(np.mean([(right[0] - left[0]) / FACE for left, right in samples]))
