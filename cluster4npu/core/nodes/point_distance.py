"""Point distance: how far two points are apart, in the mean of several samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from cluster4npu.core.nodes.base import Port, PortType, param
from cluster4npu.core.nodes.demand import ComputeNode, ComputeParams
from cluster4npu.core.nodes.values import Number, Points


class PointDistance(ComputeNode):
    """Measures how far the first two points are apart; a question about several frames is answered the next time."""

    type = "point_distance"
    title = "Point distance"
    category = "Vision"
    description = "Measures how far the first two points are apart, in the mean of several frames."
    inputs = (Port("points", (PortType.POINTS,)),)
    outputs = (Port("distance", (PortType.NUMBER,)),)
    spreads = False

    class Params(ComputeParams):
        frames: int = param(
            1,
            title="Frames",
            description="So many samples a question; with more than one the answer comes at the next question.",
            unit="frames",
            ge=1,
            le=1000,
        )
        apart_ms: float = param(
            100.0,
            title="Apart",
            description="Time from one sample to the next.",
            unit="ms",
            ge=1,
            le=3_600_000,
        )
        unit: Literal["width", "px"] = param(
            "width", title="Unit", description="As a share of the picture's width, or in its pixels."
        )

    def samples(self) -> tuple[int, float] | None:
        return (self.params.frames, self.params.apart_ms) if self.params.frames > 1 else None

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the mean distance; nothing where a sample has fewer than two points."""
        given = inputs["points"] if isinstance(inputs["points"], tuple) else (inputs["points"],)
        if any(len(points.rows) < 2 for points in given):
            return {}
        return {"distance": Number(float(np.mean([self._one(points) for points in given])))}

    def _one(self, points: Points) -> float:
        apart = float(np.hypot(*(points.rows[1] - points.rows[0]).tolist()))
        return apart / points.width if self.params.unit == "width" else apart
