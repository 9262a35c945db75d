"""Consecutive: a flag that goes up after several yeses in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster4npu.core.nodes.base import Port, PortType, param
from cluster4npu.core.nodes.demand import ComputeNode, ComputeParams
from cluster4npu.core.nodes.values import Flag


class Consecutive(ComputeNode):
    """Raises its flag at the n-th yes in a row; one no lowers it, and the count begins anew."""

    type = "consecutive"
    title = "Consecutive"
    category = "Logic"
    description = "Says yes after so many yeses in a row; one no begins the count anew."
    inputs = (Port("flag", (PortType.FLAG,)),)
    outputs = (Port("flag", (PortType.FLAG,)),)
    spreads = False
    opaque = True  # it counts its inputs, so each of them has to reach it

    class Params(ComputeParams):
        times: int = param(
            5, title="Times", description="So many yeses in a row raise the flag.", ge=1, le=1_000_000
        )

    _seen = 0

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Count one more input, and return whether the flag is up."""
        self._seen = self._seen + 1 if inputs["flag"].value else 0
        return {"flag": Flag(self._seen >= self.params.times)}

    def reset(self) -> None:
        self._seen = 0
