"""What is known of a model file after a look at it, and how to make nodes of it. Knows no runtime."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cluster4npu.core.devices.model import TensorShape
from cluster4npu.core.devices.model_file import shape_text
from cluster4npu.core.vision.yolo import LayoutUnknownError, find_layout

DETECTION, CLASSIFICATION, UNKNOWN = "detection", "classification", "unknown"
_LEAST_CLASSES = 2
_NAMES_TOLD = 4
_TASKS = {"detect": DETECTION, "classify": CLASSIFICATION}


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model file. None and "" are "not known"; `operators` counts by name (empty: the format does not tell)."""

    path: str
    bytes: int
    sha256: str
    format: str
    inputs: tuple[TensorShape, ...]
    outputs: tuple[TensorShape, ...]
    task: str = UNKNOWN
    layout: str = ""
    labels: tuple[str, ...] = ()
    operators: Mapping[str, int] = field(default_factory=dict)
    parameters: int | None = None
    flops: int | None = None  # of one image: two for each multiply-add of convolutions and matrix products
    external: tuple[str, ...] = ()
    producer: str = ""
    opset: int | None = None
    description: str = ""
    made_from: str = ""  # the SHA-256 of the model of which this program made it in another precision

    def as_dict(self) -> dict[str, Any]:
        """Return the object that the command line prints."""
        return asdict(self)


def guess_task(
    outputs: tuple[tuple[int | None, ...], ...], labels: tuple[str, ...], told: str
) -> tuple[str, str]:
    """Return (task, layout of boxes) from the shapes of the outputs; what the model says itself (`told`) goes first."""
    layout = ""
    with contextlib.suppress(LayoutUnknownError):
        layout = find_layout(outputs, len(labels), "auto").name
    if told in _TASKS:
        return _TASKS[told], layout if _TASKS[told] == DETECTION else ""
    if layout:
        return DETECTION, layout
    flat = [[size for size in shape[1:] if size != 1] for shape in outputs]
    if len(flat) == 1 and len(flat[0]) == 1 and (flat[0][0] or 0) >= _LEAST_CLASSES:
        return CLASSIFICATION, ""
    return UNKNOWN, ""


def about(info: ModelReport) -> str:
    """Return what a model is, in one sentence."""
    shapes = [", ".join(shape_text(tensor.shape) for tensor in side) for side in (info.inputs, info.outputs)]
    task = "" if info.task == UNKNOWN else f" ({info.task})"
    text = f"{info.format}{task}: takes {shapes[0]}, gives {shapes[1]}"
    if info.labels:
        names = ", ".join(info.labels[:_NAMES_TOLD])
        more = " …" if len(info.labels) > _NAMES_TOLD else ""
        text += f"; {len(info.labels)} classes: {names}{more}"
    return text + "."
