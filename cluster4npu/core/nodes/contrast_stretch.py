"""The contrast stretch: evens out light and shadow, so that what follows sees the same in both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cluster4npu.core.nodes.base import Port, PortType, param
from cluster4npu.core.nodes.demand import ComputeNode, ComputeParams


class ContrastStretch(ComputeNode):
    """Stretches the contrast everywhere by as much as is missing there; colours stay."""

    type = "contrast_stretch"
    title = "Contrast stretch"
    category = "Preprocessing"
    description = "Stretches the brightness away from the local mean, by the local spread; colours stay."
    inputs = (Port("frame", (PortType.FRAME,)),)
    outputs = (Port("frame", (PortType.FRAME,)),)

    class Params(ComputeParams):
        neighbourhood: float = param(
            30.0,
            title="Neighbourhood",
            description="The light may differ from one region of this size to the next.",
            unit="px",
            ge=1,
            le=500,
        )
        spread: float = param(
            55.0,
            title="Spread",
            description="The standard deviation of the brightness that is wanted everywhere.",
            unit="grey levels",
            ge=1,
            le=127,
        )
        noise: float = param(
            4.0,
            title="Noise",
            description="Differences of this size are not stretched.",
            unit="grey levels",
            ge=0.1,
            le=127,
            advanced=True,
        )

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the frame with its brightness stretched, an array of its own."""
        import cv2

        p = self.params
        picture = cv2.cvtColor(inputs["frame"], cv2.COLOR_BGR2YCrCb)
        light = picture[..., 0].astype(np.float32)
        mean = cv2.GaussianBlur(light, (0, 0), p.neighbourhood)
        square = cv2.GaussianBlur(light * light, (0, 0), p.neighbourhood)
        spread = np.sqrt(np.maximum(square - mean * mean, 0))
        picture[..., 0] = np.clip(127 + p.spread * (light - mean) / (spread + p.noise), 0, 255)
        return {"frame": cv2.cvtColor(picture, cv2.COLOR_YCrCb2BGR)}
