"""The count node: takes results and keeps nothing, for measuring."""

from __future__ import annotations

from cluster4npu.core.nodes.base import RESULTS, Delivery, Port, SinkNode
from cluster4npu.core.nodes.demand import DemandParams


class Count(SinkNode):
    """Counts results, so that a pipeline can be measured without writing them anywhere."""

    type = "count"
    title = "Count"
    category = "Outputs"
    description = "Counts results and keeps nothing: for measuring."
    inputs = (Port("result", RESULTS),)

    Params = DemandParams

    delivered: int = 0
    failed: int = 0

    def append(self, delivery: Delivery) -> None:
        if delivery.error:
            self.failed += 1
        else:
            self.delivered += 1
