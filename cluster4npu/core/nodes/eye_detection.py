"""Eye detection: the darkest spots of a face, where eyes are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cluster4npu.core.nodes.base import Port, PortType, param
from cluster4npu.core.nodes.demand import ComputeNode, ComputeParams
from cluster4npu.core.nodes.values import Points

# A face as the cascade cuts it out, brought to FACE x FACE pixels: where its eyes can be, and how wide they are.
FACE = 96
_ROWS = slice(28, 56)
_HALVES = (slice(10, 46), slice(50, 86))
_EYE_SIGMA, _AROUND_SIGMA = 2.2, 7


class EyeDetection(ComputeNode):
    """Finds, in each half of the upper face, the spot that is darkest against what surrounds it."""

    type = "eye_detection"
    title = "Eye detection"
    category = "Vision"
    description = (
        "Finds the two eyes in the picture of a face that fills it; no answer where one is not seen."
    )
    inputs = (Port("frame", (PortType.FRAME,)),)
    outputs = (Port("points", (PortType.POINTS,)),)
    spreads = False

    class Params(ComputeParams):
        darkness: float = param(
            12.0,
            title="Darkness",
            description="An eye is darker than what surrounds it by at least this much.",
            unit="grey levels",
            gt=0,
            le=255,
        )

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the two eyes, the left one of the picture first; the difference of two Gaussians finds them."""
        import cv2

        height, width = inputs["frame"].shape[:2]
        face = cv2.resize(inputs["frame"], (FACE, FACE), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY).astype(np.float32)
        darkness = cv2.GaussianBlur(grey, (0, 0), _AROUND_SIGMA) - cv2.GaussianBlur(grey, (0, 0), _EYE_SIGMA)
        points = []
        for half in _HALVES:
            part = darkness[_ROWS, half]
            row, column = np.unravel_index(int(part.argmax()), part.shape)
            if part[row, column] < self.params.darkness:
                return {}
            points.append((float(column) + half.start, float(row) + _ROWS.start))
        rows = np.array(points, np.float32) * np.array([width / FACE, height / FACE], np.float32)
        return {"points": Points(rows, width, height)}
