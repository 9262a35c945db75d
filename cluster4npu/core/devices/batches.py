"""What goes into a model: whether a batch fits it, and the one message for a batch that it could not compute."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.devices.model_file import shape_text
from cluster4npu.core.devices.runtime_text import plain
from cluster4npu.core.errors import Problem, RunFailed, shortened


def fits(batch: np.ndarray, info: ModelInfo) -> bool:
    """Tell whether a batch has the model's dtype and its shape, as far as the model fixes that."""
    wanted = info.input_shape
    return (
        str(batch.dtype) == info.input_dtype
        and len(batch.shape) == len(wanted)
        and all(size in (None, given) for size, given in zip(wanted, batch.shape, strict=True))
    )


def require_named(inputs: Mapping[str, np.ndarray], info: ModelInfo) -> None:
    """Raise RunFailed where these are not the model's inputs, by name, dtype and shape as far as the model fixes it."""
    wanted = {tensor.name: tensor for tensor in info.takes}
    if set(inputs) != set(wanted):
        raise not_computed(info, f"inputs named {', '.join(sorted(inputs)) or 'nothing'}")
    for name, tensor in wanted.items():
        given = inputs[name]
        same = len(given.shape) == len(tensor.shape) and all(
            size in (None, found) for size, found in zip(tensor.shape, given.shape, strict=True)
        )
        if str(given.dtype) != tensor.dtype or not same:
            raise not_computed(info, f"{name}: {shape_text(given.shape)} {given.dtype}")


def described(batch: np.ndarray) -> str:
    """Return a batch as a message names it."""
    return f"a batch of {shape_text(batch.shape)} {batch.dtype}"


def not_computed(info: ModelInfo, found: Exception | str) -> RunFailed:
    """Return the error for a batch that a model did not compute."""
    return RunFailed(
        Problem(
            "the model could not be computed",
            field="model",
            found=shortened(plain(str(found))),
            allowed=_allowed(info),
            hint="Check that the preprocessing fits the model.",
        )
    )


def _allowed(info: ModelInfo) -> str:
    if not info.inputs:
        return f"{shape_text(info.input_shape)} {info.input_dtype}"
    return ", ".join(f"{tensor.name}: {shape_text(tensor.shape)} {tensor.dtype}" for tensor in info.inputs)
