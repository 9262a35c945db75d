"""The line counter: how many tracked things have crossed a line, and in which direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import field_validator

from cluster4npu.core.nodes.base import InOrderNode, NodeParams, Port, PortType, param
from cluster4npu.core.nodes.values import Number
from cluster4npu.core.nodes.zone_count import Anchor, anchors
from cluster4npu.core.vision.outlines import checked, crosses, points

_MOST = 10_000  # tracks of one source whose last place is kept


class LineCount(InOrderNode):
    """Counts crossings since the run began, of each source by itself. A thing without a number is not counted."""

    type = "line_count"
    title = "Count over a line"
    category = "Logic"
    description = "Counts tracked boxes that cross a line, in all and in each direction, since the run began."
    inputs = (Port("tracks", (PortType.TRACKS,)),)
    outputs = (
        Port("crossed", (PortType.NUMBER,)),
        Port("to_right", (PortType.NUMBER,)),
        Port("to_left", (PortType.NUMBER,)),
    )

    class Params(NodeParams):
        line: str = param(
            "0,0.5 1,0.5",
            title="Line",
            description="Its two ends as X,Y X,Y, in parts of the frame's width and height (0 to 1). Right and left "
            "are those of somebody who looks from the first to the second.",
            max_length=200,
        )
        anchor: Anchor = param(
            "bottom",
            title="Box stands at",
            description="Which point of a box must cross: the middle of its lower edge, or its centre.",
        )

        @field_validator("line")
        @classmethod
        def _is_a_line(cls, text: str) -> str:
            return checked(text, 2, 2)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places: dict[str, dict[int, np.ndarray]] = {}  # by source and track
        self._counts: dict[str, list[int]] = {}  # by source: to the right, to the left

    def reset(self) -> None:
        self._places.clear()
        self._counts.clear()

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Look at one frame's tracks, and return the counts so far."""
        known = self._places.setdefault(self.frame.source, {})
        counts = self._counts.setdefault(self.frame.source, [0, 0])
        start, end = points(self.params.line)
        tracks = inputs["tracks"]
        places = anchors(tracks.rows, self.params.anchor, self.frame.width, self.frame.height)
        for number, place in zip(tracks.ids.tolist(), places, strict=True):
            if number < 0:
                continue
            before = known.pop(number, None)  # to the end: the first is the one that was not seen for longest
            if before is not None and (way := crosses(start, end, before, place)):
                counts[0 if way > 0 else 1] += 1
            known[number] = place
        while len(known) > _MOST:
            del known[next(iter(known))]
        right, left = counts
        return {
            "crossed": Number(float(right + left)),
            "to_right": Number(float(right)),
            "to_left": Number(float(left)),
        }
