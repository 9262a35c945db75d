"""The crop_boxes node: cuts each detected box out of the frame, for a second model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from cluster4npu.core.nodes.base import FanOutNode, NodeParams, Port, PortType, param
from cluster4npu.core.nodes.values import Crops, Detections


class CropBoxes(FanOutNode):
    """Cuts boxes out of the frame where it lies; nothing is copied."""

    type = "crop_boxes"
    title = "Crop boxes"
    category = "Preprocessing"
    description = "Cuts each detected box out of the frame: what is behind it runs once for every box."
    inputs = (Port("frame", (PortType.FRAME,)), Port("detections", (PortType.DETECTIONS,)))
    outputs = (Port("crops", (PortType.CROPS,)),)

    class Params(NodeParams):
        margin: float = param(
            0.0,
            title="Margin",
            description="Added on each side, as a part of the box's width and height.",
            ge=0,
            le=2,
        )
        square: bool = param(
            False,
            title="Square",
            description="Make the shorter side as long as the longer one, where it fits.",
        )
        least_size: int = param(
            4,
            title="Smallest box",
            description="Boxes whose shorter side is below this are not cut out.",
            unit="px",
            ge=1,
            le=8192,
        )
        most: int = param(
            64,
            title="Most crops",
            description="At most so many boxes a frame, best first.",
            ge=1,
            le=300,
        )
        classes: tuple[int, ...] = param(
            (),
            title="Classes",
            description="Only boxes of these classes (numbers of the detector) are cut out; empty: all.",
            max_length=1000,
            advanced=True,
        )

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Cut the boxes of one frame out of it, in the order of their scores."""
        frame: np.ndarray = inputs["frame"]
        detections: Detections = inputs["detections"]
        images: list[np.ndarray] = []
        rows: list[int] = []
        for row in np.argsort(-detections.rows[:, 4], kind="stable").tolist():
            if len(rows) == self.params.most:
                break
            box = detections.rows[row]
            if self.params.classes and int(box[5]) not in self.params.classes:
                continue
            if min(box[2] - box[0], box[3] - box[1]) < self.params.least_size:
                continue
            x1, y1, x2, y2 = self._place(box, frame.shape[0], frame.shape[1])
            if x2 > x1 and y2 > y1:
                images.append(frame[y1:y2, x1:x2])
                rows.append(row)
        return {"crops": Crops(images, rows)}

    def _place(self, box: np.ndarray, height: int, width: int) -> tuple[int, int, int, int]:
        """Return x1 y1 x2 y2 in whole pixels inside the frame."""
        x1, y1, x2, y2 = (float(v) for v in box[:4])
        more_x, more_y = (x2 - x1) * self.params.margin, (y2 - y1) * self.params.margin
        if self.params.square:
            side = max(x2 - x1 + 2 * more_x, y2 - y1 + 2 * more_y)
            more_x, more_y = (side - (x2 - x1)) / 2, (side - (y2 - y1)) / 2
        return (
            max(0, math.floor(x1 - more_x)),
            max(0, math.floor(y1 - more_y)),
            min(width, math.ceil(x2 + more_x)),
            min(height, math.ceil(y2 + more_y)),
        )
