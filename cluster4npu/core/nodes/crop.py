"""The crop: cuts one detection out of its frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from cluster4npu.core.nodes.base import Port, PortType, param
from cluster4npu.core.nodes.demand import ComputeNode, ComputeParams


class Crop(ComputeNode):
    """Cuts the largest or surest detection out and brings it to a square of one size."""

    type = "crop"
    title = "Crop one"
    category = "Vision"
    description = "Cuts one detection out of the frame and brings it to a square; no detection, no picture."
    inputs = (Port("frame", (PortType.FRAME,)), Port("detections", (PortType.DETECTIONS,)))
    outputs = (Port("frame", (PortType.FRAME,)),)
    spreads = False

    class Params(ComputeParams):
        size: int = param(
            96, title="Size", description="Side of the square that comes out.", unit="px", ge=8, le=4096
        )
        choose: Literal["largest", "surest"] = param(
            "largest", title="Which", description="The largest detection, or the one with the best score."
        )

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the cut-out; nothing where there is no detection inside the frame."""
        import cv2

        frame, rows = inputs["frame"], inputs["detections"].rows
        height, width = frame.shape[:2]
        boxes = np.clip(rows[:, :4], 0, [width, height, width, height]).astype(int)
        sizes = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        if not (sizes > 0).any():
            return {}
        order = sizes if self.params.choose == "largest" else np.where(sizes > 0, rows[:, 4], -np.inf)
        x1, y1, x2, y2 = boxes[int(order.argmax())]
        side = self.params.size
        return {"frame": cv2.resize(frame[y1:y2, x1:x2], (side, side), interpolation=cv2.INTER_AREA)}
