"""The threshold: a number becomes a yes or no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from cluster4npu.core.nodes.base import Port, PortType, param
from cluster4npu.core.nodes.demand import ComputeNode, ComputeParams
from cluster4npu.core.nodes.values import Flag


class Threshold(ComputeNode):
    """Says yes where a number lies above, or below, a limit."""

    type = "threshold"
    title = "Threshold"
    category = "Logic"
    description = "Says yes when a number lies below, or above, a limit."
    inputs = (Port("number", (PortType.NUMBER,)),)
    outputs = (Port("flag", (PortType.FLAG,)),)

    class Params(ComputeParams):
        limit: float = param(0.0, title="Limit", description="The number is compared with this one.")
        side: Literal["below", "above"] = param(
            "above", title="Side", description="Yes when the number lies on this side of the limit."
        )

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return on which side the number lies."""
        value, limit = inputs["number"].value, self.params.limit
        return {"flag": Flag(value < limit if self.params.side == "below" else value > limit)}
