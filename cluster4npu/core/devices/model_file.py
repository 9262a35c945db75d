"""What every backend checks about a model file before a runtime sees it, and what it reads out of it."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from cluster4npu.core.devices.model_package import is_package, package_digest
from cluster4npu.core.devices.onnx_outline import External, OutlineError, read_outline
from cluster4npu.core.devices.runtime_text import contradicts_itself, plain
from cluster4npu.core.errors import DeviceUnavailable, InputError, Problem, shortened
from cluster4npu.core.reasons import reason_of

_MOST_LABELS = 100_000
_MOST_ONNX_BYTES = 2**31  # protocol buffers hold no more in one file
_MOST_BYTES = 2**36


def read_model_file(path: Path) -> str:
    """Check that the file can be read; return its SHA-256 (hex). Raises InputError.

    An ONNX file may keep weights in other files, but only in ordinary ones inside its own folder; their bytes count for
    the digest too. Nothing else is opened. Of a package, which is a folder, all files count.
    """
    try:
        if is_package(path):
            return package_digest(path)
        size = _ordinary_size(path)
        digest = _sha256(path)
        external = external_files(path) if path.suffix.lower() == ".onnx" else []
    except OutlineError as error:
        raise corrupt(path, str(error)) from error
    except OSError as error:
        raise model_error(
            "the model cannot be read",
            found=f"{path}: {reason_of(error)}",
            hint="Check the path and the permissions.",
        ) from error
    if not size:
        raise model_error(
            "the model file is empty", found=str(path), hint="Export or download the model again."
        )
    if external:
        parts = [digest, *(f"{file.name} {_sha256(file)}" for file in external)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return digest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ordinary_size(path: Path) -> int:
    """Return the size of an ordinary file; raises InputError for a pipe or a device (opening one may wait for ever)."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise model_error(
            "the model is no ordinary file",
            found=str(path),
            allowed="a file",
            hint="Choose the model file itself.",
        )
    most = _MOST_ONNX_BYTES if path.suffix.lower() == ".onnx" else _MOST_BYTES
    if facts.st_size > most:
        raise model_error(
            "the model file is larger than any of its kind",
            found=f"{path.name}: {facts.st_size / 2**30:.1f} GiB",
            allowed=f"at most {most / 2**30:.0f} GiB",
            hint="Export it with its weights in other files beside it, or take a smaller model.",
        )
    return facts.st_size


def external_files(path: Path) -> list[Path]:
    """Return the files beside an ONNX file that hold its weights; raises InputError for one that must not be read.

    Where weights lie is the model's choice, and it may name any file of this machine: only ordinary files inside the
    model's own folder count, reached without links. Raises OutlineError for what is no ONNX file.
    """
    if not path.stat().st_size:
        return []
    found: dict[str, Path] = {}
    for external in sorted(read_outline(path).external, key=lambda e: (e.location, e.offset)):
        file = path.parent / external.location
        why = _refusal(path.parent, external)
        if why:
            raise model_error(
                f"the model keeps weights in a file that is not read: {why}",
                found=f"{path.name} names {external.location!r}",
                allowed="ordinary files in the model's own folder, without links",
                hint="Copy the weights beside the model, or save it as one file: onnx.save(onnx.load(PATH), NEW_PATH).",
            )
        found[external.location] = file
    return list(found.values())


def _refusal(folder: Path, external: External) -> str:
    """Return why this file is not opened, "" for one that may be. Looks at names and kinds only."""
    location = external.location
    windows = PureWindowsPath(location)
    if not location or "\0" in location or "\\" in location:
        return "its name is none"
    if location.startswith("/") or windows.drive or windows.root:
        return "its path is absolute"
    if ".." in PurePosixPath(location).parts:
        return "its path leads out of the folder"
    file = folder
    try:
        for part in PurePosixPath(location).parts:
            file = file / part
            facts = file.lstat()
            if stat.S_ISLNK(facts.st_mode) or file.resolve() != file.parent.resolve() / part:
                return "it is a link"
    except OSError as error:
        return f"{reason_of(error)}"
    if not stat.S_ISREG(facts.st_mode):
        return "it is no ordinary file"
    if facts.st_nlink > 1:
        return "it is a link"
    if external.offset < 0 or external.offset + (external.length or 0) > facts.st_size:
        return "it is shorter than the model says"
    return ""


def model_error(message: str, *, found: str = "", allowed: str = "", hint: str = "") -> InputError:
    """Return the error for a model that is wrong; whoever knows the node adds its name."""
    return InputError(Problem(message, field="model", found=shortened(found), allowed=allowed, hint=hint))


def corrupt(path: Path, reason: str, allowed: str = "a whole, valid ONNX file") -> InputError:
    """Return the error for a file that a runtime cannot load."""
    reason = " ".join(reason.split())
    return model_error(
        "the model cannot be loaded",
        found=f"{path.name}: {reason}",
        allowed=allowed,
        hint="The file is damaged, cut short or of another format: export or download it again.",
    )


_NEWER_OPSET = re.compile(r"Opset (?P<is>\d+) is under development(?:.* is till opset (?P<most>\d+))?")
# How ONNX Runtime and OpenVINO tell of an operator that they do not know.
_LACKS = re.compile(
    r"not a registered function/op|NOT_IMPLEMENTED|Could not find an implementation|does not support the following|"
    r"No conversion rule|Unsupported op|custom op",
    re.IGNORECASE,
)


def cannot_load(path: Path, device: str, reason: str) -> InputError:
    """Return the error for a file that a runtime cannot load: the device lacks an operator, or refuses the model.

    That the file is whole is known here: `read_model_file` has walked through all of it.
    """
    reason = plain(reason)
    if newer := _NEWER_OPSET.search(reason):
        return model_error(
            f"the model is newer than '{device}'s runtime",
            found=f"opset {newer['is']} in {path.name}",
            allowed=f"at most opset {newer['most']}" if newer["most"] else "a released opset",
            hint="Export it with a lower opset, or update the runtime.",
        )
    if contradicts_itself(reason):
        return does_not_fit(path, reason)
    if not _LACKS.search(reason):
        return model_error(
            f"'{device}' cannot load this model",
            found=f"{path.name}: {reason}",
            allowed="a model that this device's runtime can load",
            hint="Another device may load it. Where none does, the model itself is wrong: export it again.",
        )
    return DeviceUnavailable(
        Problem(
            f"'{device}' does not know an operator of this model",
            field="model",
            found=shortened(f"{path.name}: {reason}"),
            allowed="operators that this device's runtime knows",
            hint="Choose another device, export with another opset, or replace the operator in the model.",
        )
    )


def does_not_fit(path: Path, reason: str) -> InputError:
    """Return the error for a model whose parts contradict each other, as a runtime says in plain words."""
    return model_error(
        "the parts of the model do not fit each other",
        found=f"{path.name}: {reason}",
        allowed="operators, shapes and weights that fit each other",
        hint="No device can run it as it is: export it again.",
    )


def check_input(path: Path, inputs: Mapping[str, tuple[int | None, ...]]) -> None:
    """Refuse a model that does not take one 4-dimensional input with a batch of 1; raises InputError."""
    told = ", ".join(f"{name} {shape_text(shape)}" for name, shape in inputs.items()) or "none"
    _require_inputs(path, inputs)
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
    _require_sizes(path, inputs)
    if shape[0] not in (None, 1):
        raise model_error(
            "the model has a fixed batch size",
            found=f"{told} in {path.name}",
            allowed="a batch of 1, or a dynamic one",
            hint="Export it with batch size 1 or with a dynamic batch axis.",
        )


def check_named(path: Path, others: Mapping[str, str], inputs: Mapping[str, tuple[int | None, ...]]) -> None:
    """Refuse a model without inputs, or of whose inputs `others` (name and type) are no numbers; raises InputError."""
    _require_inputs(path, inputs)
    _require_sizes(path, inputs)
    if others:
        told = ", ".join(f"input {name}: {kind}" for name, kind in others.items())
        raise model_error(
            "the model takes something other than numbers",
            found=f"{told} in {path.name}",
            allowed="inputs that are tensors of numbers",
            hint="Cut the model off behind its text or sequence inputs, or export it without them.",
        )


def _require_inputs(path: Path, inputs: Mapping[str, tuple[int | None, ...]]) -> None:
    if not inputs:
        raise model_error(
            "the model has no inputs",
            found=path.name,
            allowed="one input or more",
            hint="Export it again with its inputs: this one gives the same answer for every frame.",
        )


def _require_sizes(path: Path, inputs: Mapping[str, tuple[int | None, ...]]) -> None:
    for name, shape in inputs.items():
        if 0 in shape:
            raise model_error(
                "the model takes an input without any number",
                found=f"{name} {shape_text(shape)} in {path.name}",
                allowed="sizes from 1 on, or open ones",
                hint="Export it again with the size of what it takes, or with an open one.",
            )


def check_outputs(path: Path, names: Sequence[str], others: Mapping[str, str]) -> None:
    """Refuse a model without outputs, or of whose `others` (name and type) are no tensors of numbers.

    Raises InputError.
    """
    if not names:
        raise model_error(
            "the model has no outputs",
            found=path.name,
            allowed="one output or more",
            hint="Export it again with its outputs: this one answers nothing.",
        )
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
