"""The tracker: boxes that are followed from frame to frame get a number of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cluster4npu.core.nodes.base import InOrderNode, NodeParams, Port, PortType, param
from cluster4npu.core.nodes.values import Tracks

if TYPE_CHECKING:
    from cluster4npu.core.vision.tracking import BoxTracker


class Track(InOrderNode):
    """Numbers what moves through a stream. Each source is followed by itself; a class never becomes another."""

    type = "track"
    title = "Track boxes"
    category = "Postprocessing"
    description = "Follows boxes from frame to frame: one thing keeps one number as long as it is seen."
    inputs = (Port("detections", (PortType.DETECTIONS,)),)
    outputs = (Port("tracks", (PortType.TRACKS,)),)

    class Params(NodeParams):
        iou: float = param(
            0.3,
            title="Overlap",
            description="A box belongs to a track when it overlaps at least so much (IoU) with where that should be.",
            gt=0,
            le=1,
        )
        lost: int = param(
            30,
            title="Forget after",
            description="A track that was not seen in so many frames is forgotten.",
            unit="frames",
            ge=0,
            le=10_000,
        )
        confirm: int = param(
            3,
            title="Believe after",
            description="A new box gets its number when it was seen in so many frames in a row.",
            unit="frames",
            ge=1,
            le=1000,
            advanced=True,
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._trackers: dict[str, BoxTracker] = {}

    def reset(self) -> None:
        self._trackers.clear()

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Give each box of this frame the number of its track."""
        from cluster4npu.core.vision.tracking import BoxTracker  # SciPy: not where node types are listed

        tracker = self._trackers.get(self.frame.source)
        if tracker is None:
            p = self.params
            tracker = self._trackers[self.frame.source] = BoxTracker(p.iou, p.lost, p.confirm)
        found = inputs["detections"]
        return {"tracks": Tracks(found.rows, found.crops, tracker.update(found.rows))}
