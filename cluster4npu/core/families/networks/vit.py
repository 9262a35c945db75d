"""ViT (Dosovitskiy et al. 2020): an encoder of images that names a class."""

from __future__ import annotations

from dataclasses import dataclass

from cluster4npu.core.families.blocks import (
    Layers,
    encoder,
    first_token,
    patches,
    positions,
    with_class_token,
)
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a ViT; images are `side` x `side` pixels."""

    layers: Layers
    side: int
    patch: int
    classes: int


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    return (Tensor("pixel_values", Content.PIXELS, (3, shape.side, shape.side)),)


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    width = shape.layers.width
    x = with_class_token(graph, patches(graph, "pixel_values", width, shape.patch), width)
    x = positions(graph, x, (shape.side // shape.patch) ** 2 + 1, width)
    x = encoder(graph, x, shape.layers, norm_first=True, epsilon=1e-6)
    x = graph.layer_norm(first_token(graph, x), width, epsilon=1e-6)
    return {"logits": Output(graph.dense(x, width, shape.classes), (None, shape.classes))}


FAMILY = Family(
    id="vit",
    title="Vision Transformer",
    task="image-classification",
    computes="one image to the scores of its classes",
    smallest="facebook/deit-tiny-patch16-224: 12 layers of width 192, 3 heads, 224 px in squares of 16, 1000 classes",
    reduced=Shape(Layers(2, 32, 2, 64), side=64, patch=16, classes=100),
    published=Shape(Layers(12, 192, 3, 768), side=224, patch=16, classes=1000),
    inputs=_inputs,
    network=_network,
)
