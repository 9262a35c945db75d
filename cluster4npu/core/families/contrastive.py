"""What CLIP and its relatives share: the encoders of images and texts, and the comparison of the two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cluster4npu.core.families.blocks import (
    Layers,
    causal,
    embedding,
    encoder,
    patches,
    positions,
    with_class_token,
)
from cluster4npu.core.families.graph import Graph

SIMILARITY = float(np.exp(2.6592))  # how much CLIP begins to stretch its scores by


@dataclass(frozen=True, slots=True)
class Vision:
    """Sizes of CLIP's encoder of images."""

    layers: Layers
    side: int
    patch: int

    @property
    def squares(self) -> int:
        """Return how many squares an image is cut into."""
        return (self.side // self.patch) ** 2


@dataclass(frozen=True, slots=True)
class Text:
    """Sizes of CLIP's encoder of texts."""

    layers: Layers
    vocabulary: int
    length: int


def image_tokens(graph: Graph, pixels: str, shape: Vision) -> str:
    """Return what goes into the layers: N x (1 + squares) x width."""
    width = shape.layers.width
    x = with_class_token(graph, patches(graph, pixels, width, shape.patch), width)
    return graph.layer_norm(positions(graph, x, shape.squares + 1, width), width)


def image_encoder(graph: Graph, pixels: str, shape: Vision) -> str:
    """Return every token of each image after all layers: N x (1 + squares) x width."""
    return encoder(graph, image_tokens(graph, pixels, shape), shape.layers, norm_first=True)


def text_encoder(graph: Graph, ids: str, shape: Text) -> str:
    """Return the token at each text's end, which has the highest id: N x width."""
    width = shape.layers.width
    x, _ = embedding(graph, ids, shape.vocabulary, width)
    x = positions(graph, x, shape.length, width)
    x = encoder(graph, x, shape.layers, mask=causal(graph, shape.length), norm_first=True)
    x = graph.layer_norm(x, width)
    end = graph.op("ArgMax", ids, axis=1, keepdims=1)
    at_end = graph.op("Equal", graph.constant(np.arange(shape.length, dtype=np.int64)[None]), end)
    chosen = graph.op("Cast", at_end, to=int(graph.onnx.TensorProto.FLOAT))
    picked = graph.op("MatMul", graph.op("Unsqueeze", chosen, graph.whole(1)), x)
    return graph.op("Squeeze", picked, graph.whole(1))


def similarity(graph: Graph, ours: str, theirs: str) -> str:
    """Return how alike each is to each: N x N, from two embeddings of length 1."""
    return graph.scale(graph.op("MatMul", ours, graph.transpose(theirs, 1, 0)), SIMILARITY)
