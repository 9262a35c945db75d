"""Movement: how far two frames differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster4npu.core.nodes.base import Port, PortType, param
from cluster4npu.core.nodes.demand import ComputeNode, ComputeParams
from cluster4npu.core.nodes.values import Flag, Number


class Movement(ComputeNode):
    """Compares the newest frame with the one that it looked at before."""

    type = "movement"
    title = "Movement"
    category = "Vision"
    description = (
        "Tells whether something moves: how far the newest frame differs from the one looked at before."
    )
    inputs = (Port("frame", (PortType.FRAME,), depth=2),)
    outputs = (Port("moving", (PortType.FLAG,)), Port("amount", (PortType.NUMBER,)))
    spreads = False

    class Params(ComputeParams):
        limit: float = param(
            2.0,
            title="Limit",
            description="Something moves when the frames differ by more than this, in the mean of all pixels.",
            unit="grey levels",
            gt=0,
            le=255,
        )

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return whether the two frames differ by more than the limit, and by how much."""
        import cv2

        before, now = (cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in inputs["frame"])
        amount = float(cv2.absdiff(before, now).mean())
        return {"moving": Flag(amount > self.params.limit), "amount": Number(amount)}
