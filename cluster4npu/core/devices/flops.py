"""How much an ONNX model computes for one image: two operations for each multiply-add of its heavy operators."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from cluster4npu.core.devices.model_file import does_not_fit

_LARGE_BYTES = 4096
_CONVOLUTIONS = ("Conv", "ConvInteger", "QLinearConv")
# What is counted, and which of its inputs are the weights.
_WEIGHT_AT = {
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm", "MatMul", "ConvInteger", "MatMulInteger"), 1),
    **dict.fromkeys(("QLinearConv", "QLinearMatMul"), 3),
}
_OPEN = {"Attention", "DeformConv", "Einsum", "GRU", "If", "LSTM", "Loop", "RNN", "Scan"}
_ONNX = ("", "ai.onnx")
_OPEN_SIZE = 1  # a dimension that is left open counts once: one image


def onnx_flops(path: Path) -> int | None:
    """Return the operations for one image, None where shapes are open or the package onnx is not installed.

    Raises InputError for weights that do not fit.

    Counts convolutions and matrix products, of integers too; the rest is below a hundredth of these in ordinary
    networks. None where a part computes how much nobody knows: loops, recurrent layers, operators that are not ONNX's.
    """
    try:
        import onnx
    except ImportError:
        return None
    model = onnx.load(path, load_external_data=False)
    for weight in model.graph.initializer:  # shapes need none of the large ones, and each look copies them
        if len(weight.raw_data) > _LARGE_BYTES:
            weight.ClearField("raw_data")
    _close_batch(model.graph)
    try:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (RuntimeError, ValueError, TypeError, onnx.checker.ValidationError):  # what onnx raises here
        return None  # without shapes the figure is not known
    graph = model.graph
    shapes = {item.name: _shape(item) for item in (*graph.input, *graph.value_info, *graph.output)}
    shapes |= {item.name: tuple(item.dims) for item in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            _require_channels(path, node, shapes)
        if node.op_type in _OPEN or node.domain not in _ONNX:
            return None
        if node.op_type in _WEIGHT_AT:
            found = _node(node, shapes)
            if found is None:
                return None
            total += found
    return total


def _require_channels(path: Path, node: Any, shapes: dict[str, tuple[int, ...] | None]) -> None:
    """Refuse a convolution whose weights are for another number of channels: no runtime tells before it runs."""
    first, weight = shapes.get(node.input[0]), shapes.get(node.input[1])
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    if first is not None and weight is not None and first[1] != weight[1] * groups:
        told = f"{first[1]} channels go in, and its weights are for {weight[1] * groups}"
        raise does_not_fit(path, f"Conv '{node.name or node.output[0]}': {told}")


def _close_batch(graph: Any) -> None:
    """Make the batch axis one, wherever its name stands: what is compared with all of a batch has it twice."""
    sizes = [d for item in (*graph.input, *graph.output) for d in item.type.tensor_type.shape.dim]
    first = (item.type.tensor_type.shape.dim[:1] for item in graph.input)
    names = {d.dim_param for found in first for d in found if d.dim_param}
    for size in sizes:
        if size.dim_param in names:
            size.dim_value = _OPEN_SIZE


def _node(node: Any, shapes: dict[str, tuple[int, ...] | None]) -> int | None:
    weight = shapes.get(node.input[_WEIGHT_AT[node.op_type]])
    first, made = shapes.get(node.input[0]), shapes.get(node.output[0])
    if first is None or weight is None or made is None:
        return None
    if node.op_type in _CONVOLUTIONS:  # each output: a sum over (channels of its group) x height x width
        return 2 * math.prod(made) * math.prod(weight[1:])
    if node.op_type == "ConvTranspose":
        return 2 * math.prod(first) * math.prod(weight[1:])
    if node.op_type == "Gemm":
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return 2 * math.prod(made) * first[0 if transposed else 1]
    return 2 * math.prod(made) * first[-1]


def _shape(item: Any) -> tuple[int, ...] | None:
    kind = item.type.tensor_type
    if not kind.HasField("shape"):
        return None
    sizes = [d.dim_value if d.HasField("dim_value") else 0 for d in kind.shape.dim]
    if any(size <= 0 for size in sizes[1:]):
        return None
    return tuple(size if size > 0 else _OPEN_SIZE for size in sizes)
