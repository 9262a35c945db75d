"""The classify node: the best classes of a classifier's output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.devices.model_file import shape_text
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes.base import NodeParams, Port, PortType, WorkerNode, param
from cluster4npu.core.nodes.values import Classes, Outputs

_SUM_TOLERANCE = 0.02  # half-precision models miss a sum of 1 by about this


class Classify(WorkerNode):
    """Turns model outputs into the best classes of the frame."""

    type = "classify"
    title = "Classes"
    category = "Postprocessing"
    description = "Takes the best classes from a classifier's output."
    inputs = (Port("outputs", (PortType.OUTPUTS,)),)
    outputs = (Port("classes", (PortType.CLASSES,)),)

    class Params(NodeParams):
        top_k: int = param(5, title="Classes", description="How many classes a frame gets.", ge=1, le=100)
        softmax: Literal["auto", "yes", "no"] = param(
            "auto",
            title="Softmax",
            description="Turn the model's numbers into probabilities; auto: unless they already are.",
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
        """Settle the labels; raises InputError when no declared output is one score per class."""
        self.labels = self.params.labels or model.labels
        if model.output_shapes:
            self._class_count(model.output_shapes[0])

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Take one frame's best classes; no outputs (a simulated device) give none."""
        outputs: Outputs = inputs["outputs"]
        if not outputs.arrays:
            return {"classes": Classes(np.empty((0, 2), np.float32))}
        self._class_count(outputs.arrays[0].shape)
        scores = self._probabilities(outputs.arrays[0].reshape(-1).astype(np.float32))
        best = np.argsort(-scores, kind="stable")[: self.params.top_k]
        return {"classes": Classes(np.stack([best, scores[best]], axis=1).astype(np.float32))}

    def _probabilities(self, scores: np.ndarray) -> np.ndarray:
        wanted = self.params.softmax
        if wanted == "no" or (wanted == "auto" and _are_probabilities(scores)):
            return scores
        powers: np.ndarray = np.exp(scores - scores.max())
        powers /= powers.sum()
        return powers

    def _class_count(self, shape: tuple[int | None, ...]) -> int | None:
        """Return how many classes an output of this shape scores; raises InputError when it is of another kind."""
        count = shape[1] if len(shape) >= 2 else None
        vector = len(shape) >= 2 and shape[0] in (None, 1) and all(size in (None, 1) for size in shape[2:])
        if vector and (count is None or not self.labels or count == len(self.labels)):
            return count
        found = shape_text(shape) + (f" with {len(self.labels)} labels" if self.labels else "")
        raise InputError(
            Problem(
                "the labels do not fit the model" if vector else "the model is no classifier",
                node=self.id,
                field="labels" if vector else "",
                found=found,
                allowed=f"{count} labels" if vector else "an output of 1 x classes",
                hint="Give one label for each class, in the model's order."
                if vector
                else "Choose a classification model, or another node behind this one.",
            )
        )


def _are_probabilities(scores: np.ndarray) -> bool:
    return bool(scores.min() >= 0 and abs(float(scores.sum()) - 1) <= _SUM_TOLERANCE)
