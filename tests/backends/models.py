"""Tiny ONNX models for the tests, built on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def _save(path: Path, nodes, weights, inputs, outputs, metadata=None, **options) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        inputs,
        outputs,
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.checker.check_model(model)
    onnx.save(model, path, **options)
    return path


def _weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.3, shape).astype(np.float32)


def tensor(name: str, shape, dtype: str = "float32"):
    return helper.make_tensor_value_info(name, _TYPES[dtype], shape)


def conv(path: Path, *, size=(16, 24), batch: int | str = 1, metadata=None, **options) -> Path:
    """Two outputs of a convolution: the values and their squares."""
    height, width = size
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["values"], pads=[1, 1, 1, 1]),
        helper.make_node("Mul", ["values", "values"], ["squares"]),
    ]
    shape = [batch, 4, height, width]
    return _save(
        path,
        nodes,
        {"w": _weights(4, 3, 3, 3)},
        [tensor("image", [batch, 3, height, width])],
        [tensor("values", shape), tensor("squares", shape)],
        metadata,
        **options,
    )


def detector(path: Path, *, classes: int = 3, size: int = 64, metadata=None) -> Path:
    """A detection-shaped output, 1 x (4 + classes) x anchors."""
    channels, anchors = 4 + classes, (size // 8) ** 2
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["grid"], strides=[8, 8], kernel_shape=[8, 8]),
        helper.make_node("Sigmoid", ["grid"], ["soft"]),
        helper.make_node("Reshape", ["soft", "shape"], ["boxes"]),
    ]
    return _save(
        path,
        nodes,
        {"w": _weights(channels, 3, 8, 8), "shape": np.array([1, channels, anchors], np.int64)},
        [tensor("image", [1, 3, size, size])],
        [tensor("boxes", [1, channels, anchors])],
        metadata,
    )


def classifier(path: Path, *, classes: int = 5, metadata=None) -> Path:
    """Probabilities, 1 x classes, of images of any size."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    return _save(
        path,
        nodes,
        {"w": _weights(3, classes) * 5, "b": _weights(classes, seed=1)},
        [tensor("image", [1, 3, "height", "width"])],
        [tensor("probabilities", [1, classes])],
        metadata,
    )


def typed(path: Path, dtype: str) -> Path:
    """A model that takes another dtype: casts to float32 and takes the mean of each channel."""
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("GlobalAveragePool", ["real"], ["means"]),
    ]
    return _save(path, nodes, {}, [tensor("image", [1, 3, 8, 8], dtype)], [tensor("means", [1, 3, 1, 1])])


def two_inputs(path: Path) -> Path:
    """Takes two images."""
    shape = [1, 3, 8, 8]
    return _save(
        path,
        [helper.make_node("Add", ["left", "right"], ["sum"])],
        {},
        [tensor("left", shape), tensor("right", shape)],
        [tensor("sum", shape)],
    )


def vector_input(path: Path) -> Path:
    """Takes no image but a vector."""
    return _save(
        path,
        [helper.make_node("Relu", ["vector"], ["result"])],
        {},
        [tensor("vector", [1, 32])],
        [tensor("result", [1, 32])],
    )


def fails_on_light(path: Path, size: int = 16) -> Path:
    """Computes a dark image, and fails on a bright one: it looks up an entry that is not there."""
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["light"], keepdims=0),
        helper.make_node("Mul", ["light", "twice"], ["doubled"]),
        helper.make_node("Cast", ["doubled"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["value"]),
    ]
    weights = {"table": np.zeros((1, 4), np.float32), "twice": np.float32(1.99)}
    return _save(path, nodes, weights, [tensor("image", [1, 3, size, size])], [tensor("value", [4])])


def text_output(path: Path, size: int = 16) -> Path:
    """Gives a text beside its numbers."""
    nodes = [
        helper.make_node("Identity", ["image"], ["values"]),
        helper.make_node("Identity", ["words"], ["text"]),
    ]
    shape = [1, 3, size, size]
    text = helper.make_tensor_value_info("text", TensorProto.STRING, [1])
    words = np.array(["a"], dtype=object)
    return _save(path, nodes, {"words": words}, [tensor("image", shape)], [tensor("values", shape), text])


def custom_operator(path: Path) -> Path:
    """Needs an operator that no runtime has."""
    shape = [1, 3, 8, 8]
    node = helper.make_node("Warp", ["image"], ["values"], domain="com.example")
    graph = helper.make_graph([node], "tiny", [tensor("image", shape)], [tensor("values", shape)])
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=8), path)
    return path


def network(path: Path) -> Path:
    """Two convolutions deep, so that rounding has something to add up; 1 x 3 x 32 x 32."""
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["values"], pads=[1, 1, 1, 1]),
    ]
    return _save(
        path,
        nodes,
        {"w1": _weights(8, 3, 3, 3), "w2": _weights(4, 8, 3, 3, seed=1)},
        [tensor("image", [1, 3, 32, 32])],
        [tensor("values", [1, 4, 32, 32])],
    )


def wide(path: Path, *, size: int = 32, outputs: int = 1024) -> Path:
    """One large matrix product, its batch axis open: reading the weights takes as long for many inputs as for one."""
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["values"]),
    ]
    weights = {"w": _weights(3 * size * size, outputs)}
    return _save(
        path, nodes, weights, [tensor("image", ["n", 3, size, size])], [tensor("values", ["n", outputs])]
    )


def fails_on_any_light(path: Path, size: int = 16) -> Path:
    """As `fails_on_light`, with an open batch axis: one bright image fails all that are with it."""
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["light"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["light", "twice"], ["doubled"]),
        helper.make_node("Cast", ["doubled"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["value"]),
    ]
    weights = {"table": np.zeros((1, 4), np.float32), "twice": np.float32(1.99)}
    return _save(path, nodes, weights, [tensor("image", ["n", 3, size, size])], [tensor("value", ["n", 4])])
