"""The count node: takes results and keeps nothing, for measuring."""

from __future__ import annotations

from cluster4npu.core.nodes.base import Delivery, Port, PortType, SinkNode


class Count(SinkNode):
    """Counts results, so that a pipeline can be measured without writing them anywhere."""

    type = "count"
    title = "Count"
    category = "Outputs"
    description = "Counts results and keeps nothing: for measuring."
    inputs = (Port("result", (PortType.DETECTIONS, PortType.CLASSES, PortType.OUTPUTS)),)

    delivered: int = 0
    failed: int = 0

    def append(self, delivery: Delivery) -> None:
        if delivery.error:
            self.failed += 1
        else:
            self.delivered += 1
