"""A detector of the cost of a small YOLO, with random weights: 2.5 million parameters at 640 x 640, YOLOv8's outputs.

Speed does not depend on what weights a network has, so nothing is downloaded. Scores are low, as
they are of a real picture, so that non-maximum suppression has little to sort.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, CLASSES = 640, 80
# channels in, channels out, kernel, stride
_LAYERS = [
    (3, 16, 3, 2), (16, 32, 3, 2), (32, 64, 3, 1), (64, 64, 3, 2), (64, 128, 3, 1), (128, 128, 3, 1),
    (128, 128, 3, 2), (128, 256, 3, 1), (256, 256, 3, 2), (256, 256, 3, 1), (256, 224, 3, 1),
]  # fmt: skip
_HEADS = (5, 7, 10)  # layers whose output a detection head looks at: 80, 40 and 20 cells along an edge


class _Network:
    """Nodes and weights as they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._rng = np.random.default_rng(0)

    def constant(self, name: str, values: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def conv(self, name: str, source: str, layer: tuple[int, int, int, int], bias: float = 0.0) -> str:
        came, goes, kernel, stride = layer
        spread = (2 / (came * kernel * kernel)) ** 0.5
        weights = self._rng.normal(0, spread, (goes, came, kernel, kernel)).astype(np.float32)
        inputs = [source, self.constant(f"{name}.w", weights)]
        inputs.append(self.constant(f"{name}.b", np.full(goes, bias, np.float32)))
        pads = [kernel // 2] * 4
        self.nodes.append(
            helper.make_node(
                "Conv", inputs, [name], strides=[stride] * 2, pads=pads, kernel_shape=[kernel] * 2
            )
        )
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output


def build(path: Path) -> int:
    """Write the model to `path` and return how many parameters it has."""
    net = _Network()
    heads: list[str] = []
    last = "images"
    shape = net.constant("shape", np.array([1, 4 + CLASSES, -1], np.int64))
    for number, layer in enumerate(_LAYERS):
        came, goes, kernel, stride = layer
        raw = net.conv(f"c{number}", last, (came, goes, kernel, stride))
        last = net.add("Mul", [raw, net.add("Sigmoid", [raw], f"s{number}")], f"a{number}")
        if number in _HEADS:
            boxes = net.conv(f"box{number}", last, (goes, 4, 1, 1))
            scores = net.conv(f"score{number}", last, (goes, CLASSES, 1, 1), bias=-8.0)
            both = net.add("Concat", [boxes, scores], f"both{number}", axis=1)
            heads.append(net.add("Reshape", [both, shape], f"head{number}"))
    joined = net.add("Sigmoid", [net.add("Concat", heads, "joined", axis=2)], "squashed")
    scale = np.ones((1, 4 + CLASSES, 1), np.float32)
    scale[:, :4] = SIZE / 2
    net.add("Mul", [joined, net.constant("scale", scale)], "output0")
    graph = helper.make_graph(
        net.nodes,
        "detector",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 4 + CLASSES, 8400])],
        net.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return sum(int(np.prod(w.dims)) for w in net.weights if w.name.endswith((".w", ".b")))
