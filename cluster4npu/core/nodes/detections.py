"""The detections node: boxes out of a YOLO model's outputs, without doubles, mapped to the frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes.base import NodeParams, Port, PortType, WorkerNode, param
from cluster4npu.core.nodes.values import Detections as DetectionsValue
from cluster4npu.core.nodes.values import Outputs
from cluster4npu.core.vision.boxes import area, to_frame
from cluster4npu.core.vision.nms import per_class_nms
from cluster4npu.core.vision.yolo import Layout, LayoutUnknownError, Shape, decode, find_layout

MOST_DETECTIONS = 300


class Detections(WorkerNode):
    """Turns model outputs into boxes on the frame."""

    type = "detections"
    title = "Detections"
    category = "Postprocessing"
    description = "Reads boxes out of a YOLO model's outputs and keeps the best of those that overlap."
    inputs = (Port("outputs", (PortType.OUTPUTS,)),)
    outputs = (Port("detections", (PortType.DETECTIONS,)),)

    class Params(NodeParams):
        layout: Literal["auto", "yolov8", "yolov5", "end2end"] = param(
            "auto",
            title="Output layout",
            description="How the model writes its boxes: yolov8 (also v11), yolov5, end2end; auto: by its shape.",
        )
        confidence: float = param(
            0.25, title="Confidence", description="Boxes below this score are left out.", gt=0, le=1
        )
        iou: float = param(
            0.45,
            title="Overlap",
            description="Of two boxes of one class that overlap more than this (IoU), the better one stays.",
            ge=0,
            le=1,
        )
        max_detections: int = param(
            MOST_DETECTIONS,
            title="Most boxes",
            description="At most so many boxes a frame, best first.",
            ge=1,
            le=MOST_DETECTIONS,
            advanced=True,
        )
        labels: tuple[str, ...] = param(
            (),
            title="Labels",
            description="Class names in the order of the model's classes; empty: the model's own.",
            max_length=10_000,
            advanced=True,
        )

    labels: tuple[str, ...] = ()

    def bind(self, model: ModelInfo) -> None:
        """Settle labels and layout; raises InputError when the declared shapes are none of a detector."""
        self.labels = self.params.labels or model.labels
        self._layout: Layout | None = None
        if not model.output_shapes:
            return
        try:
            self._layout = self._find(model.output_shapes)
        except InputError:
            # What the model leaves open is settled at the first frame.
            if all(None not in shape[1:] for shape in model.output_shapes):
                raise

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Read one frame's boxes; no outputs (a simulated device) give none. Raises InputError as `bind` does."""
        outputs: Outputs = inputs["outputs"]
        if not outputs.arrays:
            return {"detections": DetectionsValue(np.empty((0, 6), np.float32))}
        if self._layout is None:
            self._layout = self._find([array.shape for array in outputs.arrays])
        return {"detections": DetectionsValue(self._rows(outputs, self._layout))}

    def _rows(self, outputs: Outputs, layout: Layout) -> np.ndarray:
        p = self.params
        try:
            found = decode(outputs.arrays[layout.index], layout, p.confidence)
        except LayoutUnknownError as error:
            raise self._wrong(error) from error
        kept = per_class_nms(
            found.boxes, found.scores, found.classes, threshold=p.iou, limit=p.max_detections
        )
        boxes = found.boxes[kept]
        if outputs.geometry is not None:
            boxes = to_frame(boxes, outputs.geometry)
        rows = np.empty((len(kept), 6), np.float32)
        rows[:, :4], rows[:, 4], rows[:, 5] = boxes, found.scores[kept], found.classes[kept]
        return rows[area(boxes) > 0]

    def _find(self, shapes: Sequence[Shape]) -> Layout:
        try:
            return find_layout(shapes, len(self.labels), self.params.layout)
        except LayoutUnknownError as error:
            raise self._wrong(error) from error

    def _wrong(self, error: LayoutUnknownError) -> InputError:
        p = error.problem
        return InputError(Problem(p.message, self.id, p.field, p.found, p.allowed, p.hint))
