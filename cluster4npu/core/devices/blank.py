"""One blank frame through a model that is looked at: what computes nothing is refused before a run meets it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.devices.model_file import does_not_fit, model_error
from cluster4npu.core.devices.runtime_text import contradicts_itself, memory_wanted
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed

_IMAGE_AXES = 4
_SMALLER = "Take a smaller model or a smaller input size, or fewer devices at once."

if TYPE_CHECKING:
    from cluster4npu.core.devices.backend import Session

Shape = tuple[int | None, ...]


def tried(session: Session, model: Path) -> ModelInfo:
    """Return what a loaded model is, with the shapes that it really gives where the file declares other ones.

    A model whose image leaves a size open is not tried, nor is one of several inputs. Raises InputError for a model
    that contradicts itself, RunFailed for one that fails otherwise.
    """
    info = session.info
    if len(info.takes) != 1 or len(info.input_shape) != _IMAGE_AXES or None in info.input_shape[1:]:
        return info
    blank = np.zeros([size or 1 for size in info.input_shape], info.input_dtype)
    try:
        outputs = session.infer(blank)
    except RunFailed as error:
        raise never_computes(model, "here", error.problems[0].found) from error
    shapes = [_agreed(told, array.shape) for told, array in zip(info.output_shapes, outputs, strict=True)]
    return replace(info, output_shapes=tuple(shapes))


def _agreed(told: Shape, given: Shape) -> Shape:
    same = len(told) == len(given) and all(
        size in (None, real) for size, real in zip(told, given, strict=True)
    )
    return told if same else given


def never_computes(model: Path, where: str, why: str, allowed: str = "") -> Cluster4NPUError:
    """Return the error for a model that fails on a blank frame already: `where` ("on 'onnx:cpu'"), and what the runtime
    says; `allowed` is what the model takes.
    """
    if contradicts_itself(why):
        return does_not_fit(model, why)
    if wanted := memory_wanted(why):
        return no_memory(where, wanted)
    if not where.startswith("on "):
        hint = "Another device may compute it. Where none does, the model itself is wrong: export it again."
        return model_error(
            "the model does not compute a blank frame", found=f"{model.name}: {why}", hint=hint
        )
    return RunFailed(
        Problem(
            f"the model does not compute {where}",
            field="devices",
            found=f"on a blank frame: {why}",
            allowed=allowed,
            hint="Check that the preprocessing fits the model and that the device's driver works, or leave it out.",
        )
    )


def no_memory(where: str, wanted: str) -> RunFailed:
    """Return the error for a model that found no room; `wanted` says in words what it asked for."""
    return RunFailed(
        Problem(
            f"the model needs more memory {where} than there is",
            field="model",
            found=wanted or "no memory is left",
            allowed="a model that fits into this machine's memory",
            hint=_SMALLER,
        )
    )
