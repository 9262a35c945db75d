"""Results drawn into the pixels of a frame, for files that other programs show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cluster4npu.core.nodes.values import Classes, Detections, Flag, Number, Tracks
from cluster4npu.core.vision.capture import quiet_cv2

# After Okabe and Ito, bright enough on most pictures; blue, green, red as OpenCV has them.
_COLORS = ((233, 180, 86), (0, 159, 230), (152, 193, 43), (167, 121, 204), (66, 228, 240), (59, 116, 232))
_DARK, _LIGHT = (20, 15, 11), (255, 255, 255)


def annotate(
    image: np.ndarray, values: Mapping[str, Any], labels: Sequence[str] = (), error: str = ""
) -> None:
    """Draw boxes, names and numbers into `image` (H x W x 3 uint8, BGR), which is changed; `values` by port."""
    lines = [f"failed: {error}"] if error else []
    for port, value in values.items():
        match value:
            case Detections():
                _boxes(image, value, labels)
            case Classes():
                lines += [f"{_name(labels, int(i))} {score:.0%}" for i, score in value.rows.tolist()]
            case Number(value=number):
                lines.append(f"{port}: {number:g}")
            case Flag(value=flag):
                lines.append(f"{port}: {'yes' if flag else 'no'}")
            case _:
                pass
    size = _size(image)
    for row, line in enumerate(lines):
        _text(image, line, 4, round((row + 1) * 30 * size), size, _DARK, _LIGHT)


def _boxes(image: np.ndarray, value: Detections, labels: Sequence[str]) -> None:
    cv2 = quiet_cv2()
    ids = value.ids.tolist() if isinstance(value, Tracks) else [-1] * len(value.rows)
    size = _size(image)
    for (x1, y1, x2, y2, score, index), number in zip(value.rows.tolist(), ids, strict=True):
        color = _COLORS[int(index) % len(_COLORS)]
        first, last = (round(x1), round(y1)), (round(x2), round(y2))
        cv2.rectangle(image, first, last, _DARK, max(3, round(6 * size)))
        cv2.rectangle(image, first, last, color, max(1, round(3 * size)))
        number_text = f"#{number} " if number >= 0 else ""
        _text(
            image,
            f"{number_text}{_name(labels, int(index))} {score:.0%}",
            first[0],
            first[1],
            size,
            _DARK,
            color,
        )


def _text(
    image: np.ndarray, text: str, x: int, y: int, size: float, color: tuple[int, ...], back: tuple[int, ...]
) -> None:
    """Write a line whose lower left corner is there, moved into the picture where it would stand out."""
    cv2 = quiet_cv2()
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(1.5 * size))
    text = text.encode("ascii", "replace").decode()  # the font has no other letters
    (width, height), below = cv2.getTextSize(text, font, size, thickness)
    x = max(0, min(x, image.shape[1] - width - 4))
    y = max(height + below + 2, min(y, image.shape[0] - 1))
    cv2.rectangle(image, (x, y - height - below - 2), (x + width + 4, y), back, -1)
    cv2.putText(image, text, (x + 2, y - below), font, size, color, thickness, cv2.LINE_AA)


def _size(image: np.ndarray) -> float:
    """Return the scale of text that can be read on a picture of this size."""
    return max(0.35, float(min(image.shape[:2])) / 900)


def _name(labels: Sequence[str], index: int) -> str:
    return labels[index] if 0 <= index < len(labels) else f"class {index}"
