"""DETR (Carion et al. 2020): a detector whose transformer asks for a fixed number of boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cluster4npu.core.families.blocks import Layers, attention, feed_forward, waves
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph

_REDUCTION = 32


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a DETR: `stages` are the bottlenecks of its ResNet, `first` the width of the first ones."""

    layers: Layers
    stages: tuple[int, ...]
    first: int
    height: int
    width: int
    queries: int = 100
    classes: int = 91


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    return (Tensor("pixel_values", Content.PIXELS, (3, shape.height, shape.width)),)


def _resnet(graph: Graph, shape: Shape) -> tuple[str, int]:
    """Return (the last features of a ResNet with bottlenecks (He et al. 2015), how many there are)."""
    x = graph.conv("pixel_values", 3, shape.first, 7, 2, act="Relu")
    x = graph.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inner = shape.first
    for stage, count in enumerate(shape.stages):
        narrow = shape.first << stage
        for number in range(count):
            stride = 2 if stage and number == 0 else 1
            y = graph.conv(x, inner, narrow, act="Relu")
            y = graph.conv(y, narrow, narrow, 3, stride, act="Relu")
            y = graph.conv(y, narrow, 4 * narrow)
            aside = graph.conv(x, inner, 4 * narrow, 1, stride) if number == 0 else x
            x, inner = graph.op("Relu", graph.scale(graph.add(y, aside), 0.5**0.5)), 4 * narrow
    return x, inner


def _places(shape: Shape) -> np.ndarray:
    """Return where each cell is, in sines and cosines of its row and its column: 1 x cells x width."""
    rows, columns = shape.height // _REDUCTION, shape.width // _REDUCTION
    down, across = waves(rows, shape.layers.width // 2)[0], waves(columns, shape.layers.width // 2)[0]
    both = [np.repeat(down, columns, axis=0), np.tile(across, (rows, 1))]
    return np.concatenate(both, axis=1)[None]


def _transform(graph: Graph, x: str, shape: Shape) -> str:
    """Add the encoder over cells, and the decoder over queries; places are added to what is compared only."""
    layers, width = shape.layers, shape.layers.width
    places = graph.constant(_places(shape))
    for _ in range(layers.count):
        at = graph.add(x, places)
        x = graph.layer_norm(graph.add(x, attention(graph, at, at, x, width, layers.heads)), width)
        y = feed_forward(graph, x, width, layers.inner, layers.act)
        x = graph.layer_norm(graph.add(x, y), width)
    asked = graph.random(1, shape.queries, width, inner=width)
    memory, at = x, graph.add(x, places)
    y = graph.for_each(graph.constant(np.zeros((1, shape.queries, width), np.float32)), memory, 3)
    for _ in range(layers.count):
        own = graph.add(y, asked)
        y = graph.layer_norm(graph.add(y, attention(graph, own, own, y, width, layers.heads)), width)
        seen = attention(graph, graph.add(y, asked), at, memory, width, layers.heads)
        y = graph.layer_norm(graph.add(y, seen), width)
        y = graph.layer_norm(graph.add(y, feed_forward(graph, y, width, layers.inner, layers.act)), width)
    return graph.layer_norm(y, width)


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    width = shape.layers.width
    features, channels = _resnet(graph, shape)
    cells = graph.conv(features, channels, width)
    x = _transform(graph, graph.transpose(graph.reshape(cells, 0, width, -1), 0, 2, 1), shape)
    box = graph.dense(x, width, width)
    box = graph.dense(graph.activate(box, "Relu"), width, width)
    box = graph.op("Sigmoid", graph.dense(graph.activate(box, "Relu"), width, 4))
    classes = shape.classes + 1  # and "nothing"
    return {
        "logits": Output(graph.dense(x, width, classes), (None, shape.queries, classes)),
        "pred_boxes": Output(box, (None, shape.queries, 4)),
    }


FAMILY = Family(
    id="detr",
    title="DETR, a detector with a transformer",
    task="object-detection",
    computes="one image to its boxes",
    smallest="facebook/detr-resnet-50: ResNet-50, 6 + 6 layers of width 256, 100 boxes; here with images of 480 x 640",
    reduced=Shape(Layers(2, 32, 2, 64, "Relu"), (1, 1, 1, 1), 8, height=96, width=128, queries=20),
    published=Shape(Layers(6, 256, 8, 2048, "Relu"), (3, 4, 6, 3), 64, height=480, width=640),
    inputs=_inputs,
    network=_network,
)
