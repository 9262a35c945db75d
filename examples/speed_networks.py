"""Build networks of well-known cost with random weights: for speed only, they recognise nothing.

    python examples/speed_networks.py --output speed_models

writes yolo11n-, mobilenet_v3_large- and resnet50-speed-only.onnx: the published architectures, layer by layer, with
batch normalisation folded into the convolutions as an exporter does. A device takes as long for them as for trained
ones of the same name, as far as its speed does not depend on the values. Needs the extra cluster4npu[quantize].
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from cluster4npu.core.families import graph as families

OPSET = 17
LABEL = "speed only: random weights, recognises nothing"


class Graph(families.Graph):
    """As families of networks are made of; a convolution ends in SiLU where nothing else is said."""

    gain = 2**0.5  # He's initialisation

    def conv(
        self, x: str, inner: int, outer: int, kernel: int = 1, stride: int = 1, *, groups: int = 1, act: str = "SiLU"
    ) -> str:  # fmt: skip
        """Add a convolution with bias and activation ("" none)."""
        return super().conv(x, inner, outer, kernel, stride, groups=groups, act=act)


def resnet50(graph: Graph, image: str) -> tuple[str, list[int]]:
    """ResNet-50 v1.5 (He et al. 2015; the stride is in the 3 x 3 convolution), 1000 classes, 224 px."""
    x = graph.conv(image, 3, 64, 7, 2, act="Relu")
    x = graph.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inner = 64
    for width, count, first_stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for number in range(count):
            stride = first_stride if number == 0 else 1
            y = graph.conv(x, inner, width, act="Relu")
            y = graph.conv(y, width, width, 3, stride, act="Relu")
            y = graph.conv(y, width, 4 * width, act="")
            aside = graph.conv(x, inner, 4 * width, 1, stride, act="") if number == 0 else x
            x, inner = graph.op("Relu", graph.op("Add", y, aside)), 4 * width
    x = graph.op("Flatten", graph.op("GlobalAveragePool", x))
    return graph.op("Softmax", graph.dense(x, inner, 1000)), [1, 1000]


# kernel, expanded, outer, squeeze-and-excitation, activation, stride (Howard et al. 2019, table 1)
_MOBILE = (
    (3, 16, 16, False, "Relu", 1),
    (3, 64, 24, False, "Relu", 2),
    (3, 72, 24, False, "Relu", 1),
    (5, 72, 40, True, "Relu", 2),
    (5, 120, 40, True, "Relu", 1),
    (5, 120, 40, True, "Relu", 1),
    (3, 240, 80, False, "HardSwish", 2),
    (3, 200, 80, False, "HardSwish", 1),
    (3, 184, 80, False, "HardSwish", 1),
    (3, 184, 80, False, "HardSwish", 1),
    (3, 480, 112, True, "HardSwish", 1),
    (3, 672, 112, True, "HardSwish", 1),
    (5, 672, 160, True, "HardSwish", 2),
    (5, 960, 160, True, "HardSwish", 1),
    (5, 960, 160, True, "HardSwish", 1),
)


def mobilenet_v3_large(graph: Graph, image: str) -> tuple[str, list[int]]:
    """MobileNetV3-Large (Howard et al. 2019), 1000 classes, 224 px."""
    x, inner = graph.conv(image, 3, 16, 3, 2, act="HardSwish"), 16
    for kernel, expanded, outer, squeeze, act, stride in _MOBILE:
        y = graph.conv(x, inner, expanded, act=act) if expanded != inner else x
        y = graph.conv(y, expanded, expanded, kernel, stride, groups=expanded, act=act)
        y = _squeeze(graph, y, expanded) if squeeze else y
        y = graph.conv(y, expanded, outer, act="")
        x, inner = (graph.op("Add", x, y) if stride == 1 and inner == outer else y), outer
    x = graph.conv(x, inner, 960, act="HardSwish")
    x = graph.op("Flatten", graph.op("GlobalAveragePool", x))
    x = graph.op("HardSwish", graph.dense(x, 960, 1280))
    return graph.op("Softmax", graph.dense(x, 1280, 1000)), [1, 1000]


def _squeeze(graph: Graph, x: str, width: int) -> str:
    squeezed = max(8, (width // 4 + 4) // 8 * 8)
    y = graph.conv(graph.op("GlobalAveragePool", x), width, squeezed, act="Relu")
    y = graph.op("HardSigmoid", graph.conv(y, squeezed, width, act=""), alpha=1 / 6)
    return graph.op("Mul", x, y)


YOLO_SIZE, YOLO_CLASSES, BINS = 640, 80, 16


def yolo11n(graph: Graph, image: str) -> tuple[str, list[int]]:
    """YOLO11n (Ultralytics 2024), 80 classes, 640 px, with its decoding: 1 x 84 x 8400."""
    x = graph.conv(graph.conv(image, 3, 16, 3, 2), 16, 32, 3, 2)
    x = _c3k2(graph, x, 32, 64, 0.25)
    c8 = _c3k2(graph, graph.conv(x, 64, 64, 3, 2), 64, 128, 0.25)
    c16 = _c3k2(graph, graph.conv(c8, 128, 128, 3, 2), 128, 128, deep=True)
    c32 = _c3k2(graph, graph.conv(c16, 128, 256, 3, 2), 256, 256, deep=True)
    c32 = _attend(graph, _pool(graph, c32, 256), 256)
    p16 = _c3k2(graph, graph.op("Concat", _double(graph, c32), c16, axis=1), 384, 128)
    p8 = _c3k2(graph, graph.op("Concat", _double(graph, p16), c8, axis=1), 256, 64)
    p16 = _c3k2(graph, graph.op("Concat", graph.conv(p8, 64, 64, 3, 2), p16, axis=1), 192, 128)
    p32 = _c3k2(graph, graph.op("Concat", graph.conv(p16, 128, 128, 3, 2), c32, axis=1), 384, 256, deep=True)
    return _detect(graph, ((p8, 64, 8), (p16, 128, 16), (p32, 256, 32)))


def _bottleneck(graph: Graph, x: str, width: int, inner: int) -> str:
    return graph.op("Add", x, graph.conv(graph.conv(x, width, inner, 3), inner, width, 3))


def _c3k2(graph: Graph, x: str, inner: int, outer: int, share: float = 0.5, *, deep: bool = False) -> str:
    width = int(outer * share)
    both = graph.op("Split", graph.conv(x, inner, 2 * width), outputs=2, axis=1)
    last = f"{both}_1"
    y = _c3k(graph, last, width) if deep else _bottleneck(graph, last, width, width // 2)
    return graph.conv(graph.op("Concat", both, last, y, axis=1), 3 * width, outer)


def _c3k(graph: Graph, x: str, width: int) -> str:
    half = width // 2
    y = graph.conv(x, width, half)
    for _ in range(2):
        y = _bottleneck(graph, y, half, half)
    return graph.conv(graph.op("Concat", y, graph.conv(x, width, half), axis=1), width, width)


def _pool(graph: Graph, x: str, width: int) -> str:
    parts = [graph.conv(x, width, width // 2)]
    for _ in range(3):
        parts.append(graph.op("MaxPool", parts[-1], kernel_shape=[5, 5], pads=[2, 2, 2, 2]))
    return graph.conv(graph.op("Concat", *parts, axis=1), 2 * width, width)


def _attend(graph: Graph, x: str, width: int) -> str:
    """C2PSA: half of the channels look at each other over all places, in heads of 64."""
    half, heads = width // 2, width // 128
    both = graph.op("Split", graph.conv(x, width, width), outputs=2, axis=1)
    y, cells = f"{both}_1", (YOLO_SIZE // 32) ** 2
    parts = graph.reshape(graph.conv(y, half, 2 * half, act=""), 1, heads, 128, cells)
    sizes = graph.constant(np.array([32, 32, 64], np.int64))
    query = graph.op("Split", parts, sizes, outputs=3, axis=2)
    key, value = f"{query}_1", f"{query}_2"
    scale = graph.constant(np.float32(32**-0.5))
    seen = graph.op("MatMul", graph.op("Transpose", query, perm=[0, 1, 3, 2]), key)
    seen = graph.op("Softmax", graph.op("Mul", seen, scale), axis=-1)
    taken = graph.op("MatMul", value, graph.op("Transpose", seen, perm=[0, 1, 3, 2]))
    square = (1, half, YOLO_SIZE // 32, YOLO_SIZE // 32)
    place = graph.conv(graph.reshape(value, *square), half, half, 3, groups=half, act="")
    y = graph.op(
        "Add", y, graph.conv(graph.op("Add", graph.reshape(taken, *square), place), half, half, act="")
    )
    y = graph.op("Add", y, graph.conv(graph.conv(y, half, 2 * half), 2 * half, half, act=""))
    return graph.conv(graph.op("Concat", both, y, axis=1), width, width)


def _double(graph: Graph, x: str) -> str:
    scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
    return graph.op("Resize", x, "", scales, mode="nearest")


def _detect(graph: Graph, levels: tuple[tuple[str, int, int], ...]) -> tuple[str, list[int]]:
    boxes, scores, centres, strides = [], [], [], []
    for x, width, stride in levels:
        side = YOLO_SIZE // stride
        y = graph.conv(graph.conv(x, width, 64, 3), 64, 64, 3)
        boxes.append(graph.reshape(graph.conv(y, 64, 4 * BINS, act=""), 1, 4 * BINS, side * side))
        y = graph.conv(graph.conv(x, width, width, 3, groups=width), width, YOLO_CLASSES)
        y = graph.conv(
            graph.conv(y, YOLO_CLASSES, YOLO_CLASSES, 3, groups=YOLO_CLASSES), YOLO_CLASSES, YOLO_CLASSES
        )
        y = graph.conv(y, YOLO_CLASSES, YOLO_CLASSES, act="")
        # As an untrained head begins: a low score everywhere, so that suppression has little to do.
        y = graph.op(
            "Sub", graph.op("Mul", y, graph.constant(np.float32(0.01))), graph.constant(np.float32(10))
        )
        scores.append(graph.reshape(y, 1, YOLO_CLASSES, side * side))
        rows, columns = np.divmod(np.arange(side * side), side)
        centres.append(np.stack([columns, rows]).astype(np.float32) + 0.5)
        strides.append(np.full((1, side * side), stride, np.float32))
    places = sum(centre.shape[1] for centre in centres)
    bins = graph.reshape(graph.op("Concat", *boxes, axis=2), 1, 4, BINS, places)
    bins = graph.op("Softmax", graph.op("Transpose", bins, perm=[0, 2, 1, 3]), axis=1)
    steps = graph.constant(np.arange(BINS, dtype=np.float32).reshape(1, BINS, 1, 1))
    sides = graph.reshape(graph.op("Conv", bins, steps, kernel_shape=[1, 1]), 1, 4, places)
    near = graph.op("Split", sides, outputs=2, axis=1)
    anchors = graph.constant(np.concatenate(centres, 1)[None])
    low, high = graph.op("Sub", anchors, near), graph.op("Add", anchors, f"{near}_1")
    middle = graph.op("Mul", graph.op("Add", low, high), graph.constant(np.float32(0.5)))
    box = graph.op("Concat", middle, graph.op("Sub", high, low), axis=1)
    box = graph.op("Mul", box, graph.constant(np.concatenate(strides, 1)[None]))
    score = graph.op("Sigmoid", graph.op("Concat", *scores, axis=2))
    return graph.op("Concat", box, score, axis=1), [1, 4 + YOLO_CLASSES, places]


Network = Callable[[Graph, str], tuple[str, list[int]]]

# name: (what builds it, side of its input in px, task)
NETWORKS: dict[str, tuple[Network, int, str]] = {
    "yolo11n": (yolo11n, YOLO_SIZE, "detect"),
    "mobilenet_v3_large": (mobilenet_v3_large, 224, "classify"),
    "resnet50": (resnet50, 224, "classify"),
}


def build(name: str) -> onnx.ModelProto:
    """Return one network, 1 x 3 x side x side in 0..1, with its label in its own description."""
    make, side, task = NETWORKS[name]
    graph = Graph()
    output, shape = make(graph, "images")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            f"{name}, {LABEL}",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, side])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
    )
    helper.set_model_props(model, {"description": f"{name}, {LABEL}", "task": task, "license": "Apache-2.0"})
    onnx.checker.check_model(model)
    return model


def main() -> None:
    """Write the networks that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(NETWORKS)} (default: all)"
    )
    parser.add_argument("--output", type=Path, default=Path("speed_models"), help="folder to write to")
    options = parser.parse_args()
    if unknown := [name for name in options.networks if name not in NETWORKS]:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(NETWORKS)}")
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.networks or NETWORKS:
        path = options.output / f"{name}-speed-only.onnx"
        onnx.save(build(name), path)
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB): {LABEL}")


if __name__ == "__main__":
    main()
