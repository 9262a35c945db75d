"""The merge node: the boxes of two models on the same frame, as one result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cluster4npu.core.nodes.base import JoinNode, NodeParams, Port, PortType, param
from cluster4npu.core.nodes.values import Detections
from cluster4npu.core.vision.nms import per_class_nms


class Merge(JoinNode):
    """Joins two branches of a frame: the boxes of both, and of those that overlap the better one."""

    type = "merge"
    title = "Merge boxes"
    category = "Postprocessing"
    description = "Puts the boxes that two models found on the same frame into one result."
    inputs = (Port("first", (PortType.DETECTIONS,)), Port("second", (PortType.DETECTIONS,)))
    outputs = (Port("detections", (PortType.DETECTIONS,)),)

    class Params(NodeParams):
        iou: float = param(
            0.45,
            title="Overlap",
            description="Of two boxes of one class that overlap more than this (IoU), the better one stays.",
            ge=0,
            le=1,
        )
        offset: int = param(
            0,
            title="Class offset",
            description="Added to the class numbers of the second model; 0: both know the same classes.",
            ge=0,
            le=100_000,
        )
        labels: tuple[str, ...] = param(
            (),
            title="Labels",
            description="Class names in the order of the merged classes; empty: those of the first model.",
            max_length=10_000,
            advanced=True,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.params.labels)

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Merge the boxes of one frame, best first."""
        second = inputs["second"].rows.copy()
        second[:, 5] += self.params.offset
        rows = np.concatenate([inputs["first"].rows, second])
        classes = rows[:, 5].astype(np.int64)
        kept = per_class_nms(rows[:, :4], rows[:, 4], classes, threshold=self.params.iou, limit=len(rows))
        return {"detections": Detections(rows[kept])}
