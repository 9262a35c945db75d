"""The model that does nothing: what a session of it tells, and a session that returns no outputs at once."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.devices.backend import Session
from cluster4npu.core.devices.model import ModelInfo

NULL_MODEL = ModelInfo(
    path="",
    sha256="",
    input_name="input",
    input_shape=(1, 3, 320, 320),
    input_dtype="float32",
    output_names=(),
    output_shapes=(),
)


class NullSession(Session):
    """A session of the model that does nothing, on any device."""

    needs_input = False

    unit = "no model"

    def __init__(self) -> None:
        self.info = NULL_MODEL

    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        return []
