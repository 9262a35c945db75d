"""Face detection without a model file: the trained cascade that scikit-image ships."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes.base import Port, PortType, param
from cluster4npu.core.nodes.demand import ComputeNode, ComputeParams
from cluster4npu.core.nodes.values import Detections


class FaceDetection(ComputeNode):
    """Finds faces that look this way, largest first, with scikit-image's LBP cascade."""

    type = "face_detection"
    title = "Face detection"
    category = "Vision"
    description = (
        "Finds faces that look this way (scikit-image's trained cascade) and passes the frame on with them."
    )
    inputs = (Port("frame", (PortType.FRAME,)),)
    outputs = (Port("detections", (PortType.DETECTIONS,)), Port("frame", (PortType.FRAME,)))
    spreads = False
    labels = ("face",)

    class Params(ComputeParams):
        smallest: int = param(
            70, title="Smallest", description="Smallest width of a face.", unit="px", ge=24, le=4096
        )
        largest: int = param(
            160, title="Largest", description="Largest width of a face.", unit="px", ge=24, le=4096
        )
        bridge: int = param(
            2,
            title="Bridge",
            description="In so many frames in a row without a face, the last faces are told again.",
            unit="frames",
            ge=0,
            le=1000,
        )
        scale_step: float = param(
            1.2,
            title="Scale step",
            description="From one size to the next; a smaller step finds more and takes longer.",
            gt=1,
            le=4,
            advanced=True,
        )

    _last = np.empty((0, 6), np.float32)
    _missed = 0

    def problems(self) -> list[Problem]:
        p = self.params
        found = []
        if importlib.util.find_spec("skimage") is None:
            found.append(
                Problem(
                    "face detection needs scikit-image, which is not installed",
                    node=self.id,
                    field="smallest",
                    hint="Install it: pip install 'cluster4npu[vision]' (in a checkout: pip install scikit-image).",
                )
            )
        if p.smallest > p.largest:
            found.append(
                Problem(
                    "the smallest face is larger than the largest",
                    node=self.id,
                    field="smallest",
                    found=f"{p.smallest} px",
                    allowed=f"at most {p.largest} px",
                    hint="Make it smaller, or 'largest' larger.",
                )
            )
        return found

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the faces, their score being 1 (the cascade says yes or no), and the frame that they are on."""
        import cv2

        p, frame = self.params, inputs["frame"]
        found = self._cascade.detect_multi_scale(
            img=cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY),
            scale_factor=p.scale_step,
            step_ratio=1,
            min_size=(p.smallest, p.smallest),
            max_size=(p.largest, p.largest),
        )
        if found:
            self._last, self._missed = _rows(found), 0
        else:
            self._missed += 1
        if self._missed > p.bridge:
            self._last = np.empty((0, 6), np.float32)
        return {"detections": Detections(self._last), "frame": frame}

    def reset(self) -> None:
        self._last, self._missed = np.empty((0, 6), np.float32), 0

    @cached_property
    def _cascade(self) -> Any:
        from skimage.data import lbp_frontal_face_cascade_filename
        from skimage.feature import Cascade

        return Cascade(lbp_frontal_face_cascade_filename())


def _rows(found: list[dict[str, int]]) -> np.ndarray:
    """Return boxes as rows of `Detections`, the widest first."""
    found = sorted(found, key=lambda box: -box["width"])
    return np.array(
        [[b["c"], b["r"], b["c"] + b["width"], b["r"] + b["height"], 1.0, 0] for b in found], np.float32
    )
