"""The preprocess node: fits a frame to the model's input size, channel order, value range and dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.devices.model_file import shape_text
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes.base import NodeParams, Port, PortType, WorkerNode, param
from cluster4npu.core.nodes.values import Tensor
from cluster4npu.core.vision.letterbox import DTYPES, Fit, Letterbox

Triple = tuple[float, float, float]


class Preprocess(WorkerNode):
    """Makes the model's input of a frame."""

    type = "preprocess"
    title = "Preprocess"
    category = "Preprocessing"
    description = "Fits frames, or crops of them, to the model's input: size, channel order, value range."
    inputs = (Port("frame", (PortType.FRAME, PortType.CROPS)),)
    outputs = (Port("tensor", (PortType.TENSOR,)),)

    class Params(NodeParams):
        fit: Fit = param(
            "letterbox",
            title="Fit",
            description="letterbox keeps the aspect ratio and pads, center_crop keeps it and cuts.",
        )
        width: int | None = param(
            None, title="Width", description="Input width; empty: the model's own.", unit="px", ge=1, le=8192
        )
        height: int | None = param(
            None,
            title="Height",
            description="Input height; empty: the model's own.",
            unit="px",
            ge=1,
            le=8192,
        )
        color: Literal["rgb", "bgr"] = param(
            "rgb",
            title="Channel order",
            description="The order in which the model takes colours.",
            advanced=True,
        )
        scale: float = param(
            1 / 255,
            title="Scale",
            description="Each pixel (0 to 255) is multiplied by this; uint8 models get the pixel itself.",
            gt=0,
            le=1000,
            advanced=True,
        )
        mean: Triple = param(
            (0.0, 0.0, 0.0),
            title="Mean",
            description="Subtracted after scaling, one value per channel in the model's order.",
            advanced=True,
        )
        std: Triple = param(
            (1.0, 1.0, 1.0),
            title="Standard deviation",
            description="Divided by after subtracting the mean, one value per channel in the model's order.",
            advanced=True,
        )
        pad_value: int = param(
            114, title="Padding", description="Pixel value of letterbox borders.", ge=0, le=255, advanced=True
        )

    def problems(self) -> list[Problem]:
        if all(abs(value) > 1e-12 for value in self.params.std):
            return []
        return [
            Problem(
                "the standard deviation must not be 0",
                node=self.id,
                field="std",
                found=str(self.params.std),
                allowed="three values other than 0",
                hint="Write 1 where nothing is to be divided.",
            )
        ]

    def bind(self, model: ModelInfo) -> None:
        """Settle the input size; raises InputError when the model does not take an image."""
        self._check_image(model)
        p = self.params
        self._fit = Letterbox(
            (self._size(model, 2, "height", p.height), self._size(model, 3, "width", p.width)),
            fit=p.fit,
            dtype=model.input_dtype,
            color=p.color,
            scale=p.scale,
            mean=p.mean,
            std=p.std,
            pad_value=p.pad_value,
        )

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Fit one frame. The tensor is borrowed until the next call."""
        frame: np.ndarray = inputs["frame"]
        data, geometry = self._fit(frame)
        return {"tensor": Tensor(data, geometry)}

    def _check_image(self, model: ModelInfo) -> None:
        shape = model.input_shape
        if (
            len(shape) == 4
            and shape[0] in (None, 1)
            and shape[1] in (None, 3)
            and model.input_dtype in DTYPES
        ):
            return
        raise InputError(
            Problem(
                "the model's input is not an image that this node can make",
                node=self.id,
                found=f"{model.input_name}: {shape_text(shape)} {model.input_dtype}",
                allowed=f"1 x 3 x height x width of {', '.join(DTYPES)}",
                hint="Choose another model, or export this one with channels first and three colours.",
            )
        )

    def _size(self, model: ModelInfo, axis: int, name: str, wanted: int | None) -> int:
        own = model.input_shape[axis]
        if model.path and own is not None and wanted not in (None, own):
            raise InputError(
                Problem(
                    f"the model's input has another {name}",
                    node=self.id,
                    field=name,
                    found=f"{wanted} px",
                    allowed=f"{own} px",
                    hint=f"Leave '{name}' empty: then the model's own is taken.",
                )
            )
        size = wanted or own
        if size is None:
            raise InputError(
                Problem(
                    f"the model leaves its input {name} open",
                    node=self.id,
                    field=name,
                    found=f"{model.input_name}: {shape_text(model.input_shape)}",
                    allowed="a size in pixels",
                    hint=f"Set '{name}', for example to 640.",
                )
            )
        return size
