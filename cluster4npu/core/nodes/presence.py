"""Presence: is anything detected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster4npu.core.nodes.base import Port, PortType, param
from cluster4npu.core.nodes.demand import ComputeNode, ComputeParams
from cluster4npu.core.nodes.values import Flag


class Presence(ComputeNode):
    """Says yes while enough is detected."""

    type = "presence"
    title = "Presence"
    category = "Logic"
    description = "Says yes when at least so many things are detected."
    inputs = (Port("detections", (PortType.DETECTIONS,)),)
    outputs = (Port("flag", (PortType.FLAG,)),)

    class Params(ComputeParams):
        at_least: int = param(
            1, title="At least", description="So many detections are needed for a yes.", ge=1, le=10_000
        )

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return whether there are enough detections."""
        return {"flag": Flag(len(inputs["detections"].rows) >= self.params.at_least)}
