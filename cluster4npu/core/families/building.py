"""Writing a family's network as an ONNX file that says of itself that it is for speed only."""

from __future__ import annotations

import contextlib
import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.devices import model
from cluster4npu.core.families.family import Family
from cluster4npu.core.families.graph import Graph, onnx_tools
from cluster4npu.core.settings import cache_dir

OPSET = 17
SPEED_ONLY = f"{model.SPEED_ONLY}: random weights"
_BATCH = "batch"


def file_name(family: Family[Any], size: str) -> str:
    """Return the name of a network's file, which says what it is for."""
    return f"{family.id}-{size}-speed-only.onnx"


def build(family: Family[Any], size: str, path: Path) -> Path:
    """Write one network, its batch axis open, and return `path`; the same bytes each time.

    Raises InputError for a size that is not made, DeviceUnavailable where the package onnx is missing.
    """
    shape = family.shape_of(size)
    graph = Graph()
    outputs = family.network(graph, shape)
    onnx, helper = graph.onnx, graph.onnx.helper
    for name, output in outputs.items():
        graph.nodes.append(helper.make_node("Identity", [output.made], [name], name=name))
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            f"{family.id} ({size}), {SPEED_ONLY}",
            [_value(onnx, item.name, (None, *item.shape), item.dtype) for item in family.inputs(shape)],
            [_value(onnx, name, output.shape, "float32") for name, output in outputs.items()],
            graph.weights,
        ),
        producer_name="cluster4npu",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
    )
    told = f"{SPEED_ONLY}. {family.title} ({size}). One inference: {family.computes}"
    helper.set_model_props(made, {"description": told, "family": family.id, "task": family.task})
    onnx.checker.check_model(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        onnx.save(made, unfinished)
        unfinished.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
    return path


def file_of(family: Family[Any], size: str) -> Path:
    """Return a network's file in the cache folder, made now or by an earlier call; raises as `build`."""
    shape = family.shape_of(size)
    digest = hashlib.sha256(f"{onnx_tools().__version__} {shape} {_recipe()}".encode()).hexdigest()
    path = cache_dir() / "families" / digest[:16] / file_name(family, size)
    return path if path.exists() else build(family, size, path)


@cache
def _recipe() -> str:
    """Return a digest of what makes networks: with another recipe the kept file is another one."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _value(onnx: Any, name: str, shape: tuple[int | None, ...], dtype: str) -> Any:
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return onnx.helper.make_tensor_value_info(name, kind, [_BATCH if s is None else s for s in shape])
