"""Core ML's files read without Core ML: what a package holds and says, on any system, and nothing outside of it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from cluster4npu.backends.coreml_cost import cost_of, is_idle
from cluster4npu.core.devices.model import ModelCost, ModelInfo
from cluster4npu.core.devices.model_file import (
    check_input,
    check_outputs,
    corrupt,
    labels_from,
    read_model_file,
)
from cluster4npu.core.devices.model_package import SUFFIX, is_package
from cluster4npu.core.devices.precision import Origin
from cluster4npu.core.errors import Cluster4NPUError

_WHOLE = "a whole Core ML package (.mlpackage) or model (.mlmodel)"
_BESIDE = "@model_path/"  # how a program names its files of weights
_DTYPES = {
    65552: "float16",
    65568: "float32",
    65600: "float64",
    131104: "int32",
}  # ArrayFeatureType.ArrayDataType
_FLOAT16, _FLOAT32 = 10, 11  # MILSpec.DataType


@dataclass(frozen=True, slots=True)
class Package:
    """A Core ML model as its own file describes it.

    `image` tells that it takes a picture (8 bits a channel), not an array; `precision` is "fp16" or "fp32" where the
    operations fix it, "" where the unit that runs it does.
    """

    info: ModelInfo
    cost: ModelCost
    origin: Origin
    image: bool
    precision: str


@cache
def tools() -> Any:
    """Return coremltools; raises ImportError. Its progress bars and warnings are kept back."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    import coremltools

    return coremltools


def read_package(path: Path) -> Package:
    """Read what the model says about itself; raises InputError, and ImportError without coremltools."""
    sha256 = read_model_file(path)
    proto = tools().proto
    from google.protobuf.message import Error as ProtobufError

    try:
        spec_file = _spec_file(path) if is_package(path) else path
        spec = proto.Model_pb2.Model()
        spec.ParseFromString(spec_file.read_bytes())
        operations = list(_operations(spec))
        _check_weights(path, spec_file.parent, operations)
        return _describe(path, spec, sha256, operations)
    except Cluster4NPUError:
        raise
    except (
        ProtobufError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        OSError,
        RecursionError,
    ) as error:
        raise corrupt(path, f"{type(error).__name__}: {error}", _WHOLE) from error


def _spec_file(package: Path) -> Path:
    """Return the file of the model itself; every name in the manifest must stay inside the package."""
    manifest = json.loads((package / "Manifest.json").read_text(encoding="utf-8"))
    entries = {key: str(item["path"]) for key, item in manifest["itemInfoEntries"].items()}
    for name in entries.values():
        if not (package / "Data" / _inside(name)).exists():
            raise ValueError(f"it lacks {name}")
    return package / "Data" / _inside(entries[manifest["rootModelIdentifier"]])


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        raise ValueError(f"it names {name!r}, outside of the package")
    return path


def _operations(spec: Any) -> Iterator[Any]:
    """Yield every operation of a program, those of nested blocks too; none of the older kinds of models."""
    if spec.WhichOneof("Type") != "mlProgram":
        return
    for function in spec.mlProgram.functions.values():
        waiting = list(function.block_specializations.values())
        while waiting:
            for operation in waiting.pop().operations:
                waiting += operation.blocks
                yield operation


def _check_weights(package: Path, folder: Path, operations: list[Any]) -> None:
    """Refuse a program that takes weights from anywhere but a file of its own package; raises InputError."""
    named: set[tuple[str, int]] = set()
    for operation in operations:
        values = [*operation.attributes.values()]
        values += [b.value for argument in operation.inputs.values() for b in argument.arguments]
        blobs = (v.blobFileValue for v in values if v.WhichOneof("value") == "blobFileValue")
        named.update((blob.fileName, blob.offset) for blob in blobs)
    for name, offset in sorted(named):
        file = folder / _inside(name.removeprefix(_BESIDE))
        if not name.startswith(_BESIDE):
            raise ValueError(f"its weights lie in {name!r}, outside of the package")
        if not file.is_file() or file.stat().st_size <= offset:
            raise ValueError(f"its weights are missing or cut short: {name}")
    if named and package.suffix.lower() != SUFFIX:
        raise ValueError("a program with weights has to be a package")


def _precision(operations: list[Any]) -> str:
    kinds = {
        output.type.tensorType.dataType
        for operation in operations
        if not is_idle(operation)
        for output in operation.outputs
    }
    return "fp16" if _FLOAT16 in kinds else "fp32" if _FLOAT32 in kinds else ""


def _describe(path: Path, spec: Any, sha256: str, operations: list[Any]) -> Package:
    description = spec.description
    if not spec.WhichOneof("Type") or not description.output:
        raise ValueError("it holds no model")
    check_input(path, {item.name: _shape(item) for item in description.input})
    kinds = {item.name: item.type.WhichOneof("Type") for item in description.output}
    check_outputs(path, list(kinds), {name: kind for name, kind in kinds.items() if kind != "multiArrayType"})
    metadata = dict(description.metadata.userDefined)
    origin = Origin.of(metadata, path)
    (taken,) = description.input
    image = taken.type.WhichOneof("Type") == "imageType"
    info = ModelInfo(
        path=str(path),
        sha256=origin.sha256 or sha256,
        input_name=taken.name,
        input_shape=_shape(taken),
        input_dtype="uint8" if image else _dtype(taken),
        output_names=tuple(item.name for item in description.output),
        output_shapes=tuple(_shape(item) for item in description.output),
        labels=labels_from(metadata),
        task=str(metadata.get("task", "")),
    )
    return Package(info, cost_of(spec, operations), origin, image, _precision(operations))


def _shape(item: Any) -> tuple[int | None, ...]:
    kind = item.type.WhichOneof("Type")
    if kind == "imageType":
        return (1, 3, item.type.imageType.height or None, item.type.imageType.width or None)
    array = item.type.multiArrayType
    ranges = [(r.lowerBound, r.upperBound) for r in array.shapeRange.sizeRanges]
    if ranges:
        return tuple(low if low == high else None for low, high in ranges)
    return tuple(array.shape)


def _dtype(item: Any) -> str:
    return _DTYPES.get(item.type.multiArrayType.dataType, "unknown")
