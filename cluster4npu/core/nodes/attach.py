"""The attach node: gives each box what a second model found in its crop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cluster4npu.core.nodes.base import FanInNode, Port, PortType
from cluster4npu.core.nodes.values import Detections, Each


class Attach(FanInNode):
    """Joins the classes of all crops of a frame to the boxes that they were cut from."""

    type = "attach"
    title = "Attach classes"
    category = "Postprocessing"
    description = "Gives each box the class that a second model found in its crop."
    inputs = (Port("detections", (PortType.DETECTIONS,)), Port("classes", (PortType.CLASSES,)))
    outputs = (Port("detections", (PortType.DETECTIONS,)),)
    each_port = "classes"
    rows_port = "detections"

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the boxes with the best class of each crop; a box without a crop, or without a class, gets NaN."""
        detections: Detections = inputs["detections"]
        classes: Each = inputs["classes"]
        crops = np.full((len(detections.rows), 2), np.nan, np.float32)
        for row, found in zip(classes.rows, classes.values, strict=True):
            if len(found.rows):
                crops[row] = found.rows[0]
        return {"detections": Detections(detections.rows, crops)}
