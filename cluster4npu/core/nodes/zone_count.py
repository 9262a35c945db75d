"""The zone counter: how many boxes stand in a part of the frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import field_validator

from cluster4npu.core.nodes.base import InOrderNode, NodeParams, Port, PortType, param
from cluster4npu.core.nodes.values import Number
from cluster4npu.core.vision.outlines import checked, inside, points

Anchor = Literal["bottom", "center"]


class ZoneCount(InOrderNode):
    """Counts the boxes whose anchor lies in a zone now. Boxes may be tracked or not."""

    type = "zone_count"
    title = "Count in a zone"
    category = "Logic"
    description = "Tells how many boxes stand in a zone of the frame now."
    inputs = (Port("boxes", (PortType.DETECTIONS, PortType.TRACKS)),)
    outputs = (Port("count", (PortType.NUMBER,)),)

    class Params(NodeParams):
        zone: str = param(
            "0,0 1,0 1,1 0,1",
            title="Zone",
            description="Its corners as X,Y X,Y ..., each in parts of the frame's width and height (0 to 1).",
            max_length=2000,
        )
        anchor: Anchor = param(
            "bottom",
            title="Box stands at",
            description="Which point of a box must be inside: the middle of its lower edge, or its centre.",
        )

        @field_validator("zone")
        @classmethod
        def _is_an_area(cls, text: str) -> str:
            return checked(text, 3, 100)

    def reset(self) -> None:
        """Nothing is remembered: the frame's size is what it runs in order for."""

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Count the boxes of one frame."""
        places = anchors(inputs["boxes"].rows, self.params.anchor, self.frame.width, self.frame.height)
        return {"count": Number(float(inside(points(self.params.zone), places).sum()))}


def anchors(rows: np.ndarray, anchor: str, width: int, height: int) -> np.ndarray:
    """Return where each box (n x 6, as in Detections) stands, as n x 2 in parts of the frame."""
    x = (rows[:, 0] + rows[:, 2]) / 2
    y = rows[:, 3] if anchor == "bottom" else (rows[:, 1] + rows[:, 3]) / 2
    return np.stack([x / max(width, 1), y / max(height, 1)], axis=1).astype(np.float64)
