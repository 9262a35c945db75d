"""What every backend checks about a model file before a runtime sees it, and what it reads out of it."""

from __future__ import annotations

import ast
import hashlib
import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster4npu.core.errors import InputError, Problem

_MOST_LABELS = 100_000
# A StringStringEntryProto whose key is "location": ONNX writes it for weights that lie in another file.
_EXTERNAL_DATA = b"\n\x08location"


def read_model_file(path: Path) -> str:
    """Check that the file can be read and stands alone; return its SHA-256 (hex). Raises InputError.

    Weights in another file are refused: where they lie is the model's choice, and it may name any file here.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            if size:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    external = path.suffix.lower() == ".onnx" and data.find(_EXTERNAL_DATA) >= 0
    except OSError as error:
        raise model_error(
            "the model cannot be read",
            found=f"{path}: {error.strerror or error}",
            hint="Check the path and the permissions.",
        ) from error
    if not size:
        raise model_error(
            "the model file is empty", found=str(path), hint="Export or download the model again."
        )
    if external:
        raise model_error(
            "the model keeps its weights in other files, which this version does not read",
            found=str(path),
            hint="Save it as one file: onnx.save(onnx.load(PATH), NEW_PATH).",
        )
    return digest


def model_error(message: str, *, found: str = "", allowed: str = "", hint: str = "") -> InputError:
    """Return the error for a model that is wrong; whoever knows the node adds its name."""
    return InputError(Problem(message, field="model", found=found[:400], allowed=allowed, hint=hint))


def corrupt(path: Path, reason: str, allowed: str = "a whole, valid ONNX file") -> InputError:
    """Return the error for a file that a runtime cannot load."""
    reason = " ".join(reason.split())
    return model_error(
        "the model cannot be loaded",
        found=f"{path.name}: {reason}",
        allowed=allowed,
        hint="The file is damaged, cut short or of another format: export or download it again.",
    )


def check_input(path: Path, inputs: Mapping[str, tuple[int | None, ...]]) -> None:
    """Refuse a model that does not take one 4-dimensional input with a batch of 1; raises InputError."""
    told = ", ".join(f"{name} {shape_text(shape)}" for name, shape in inputs.items()) or "none"
    if len(inputs) != 1:
        raise model_error(
            "the model must have exactly one input",
            found=f"{len(inputs)} in {path.name}: {told}",
            allowed="one image input, 1 x 3 x height x width",
            hint="Export a model that takes only the image.",
        )
    (shape,) = inputs.values()
    if len(shape) != 4:
        raise model_error(
            "the model's input is not an image",
            found=f"{told} in {path.name}",
            allowed="1 x 3 x height x width",
            hint="Choose a model that takes one image.",
        )
    if shape[0] not in (None, 1):
        raise model_error(
            "the model has a fixed batch size",
            found=f"{told} in {path.name}",
            allowed="a batch of 1, or a dynamic one",
            hint="Export it with batch size 1 or with a dynamic batch axis.",
        )


def check_outputs(path: Path, others: Mapping[str, str]) -> None:
    """Refuse a model of whose outputs `others` (name and type) are no tensors of numbers; raises InputError."""
    if others:
        raise model_error(
            "the model gives something other than numbers",
            found=", ".join(f"output {name}: {kind}" for name, kind in others.items()) + f" in {path.name}",
            allowed="outputs that are tensors of numbers",
            hint="Cut the model off before its text or sequence outputs, or export it without them.",
        )


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Return a shape as people write it; "?" is a dimension that the model leaves open."""
    return " x ".join("?" if size is None else str(size) for size in shape) or "scalar"


def labels_from(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the class names that a model carries under `names`: a dict or list, as Python or JSON writes it.

    Gaps in a dict's indices are named by their number. What cannot be read gives no labels.
    """
    text = str(metadata.get("names", ""))
    names: Any = None
    for read in (json.loads, ast.literal_eval):
        try:
            names = read(text)
            break
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    if isinstance(names, list | tuple):
        return tuple(str(name) for name in names[:_MOST_LABELS])
    if not isinstance(names, dict):
        return ()
    try:
        by_index = {int(index): str(name) for index, name in names.items()}
    except (TypeError, ValueError):
        return ()
    if not by_index or min(by_index) < 0 or max(by_index) >= _MOST_LABELS:
        return ()
    return tuple(by_index.get(index, str(index)) for index in range(max(by_index) + 1))
