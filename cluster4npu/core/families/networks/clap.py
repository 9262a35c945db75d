"""CLAP (Wu et al. 2022): tells how well sounds and texts fit each other; hears with HTSAT (Chen et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cluster4npu.core.families.blocks import Layers, first_token
from cluster4npu.core.families.contrastive import similarity
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph
from cluster4npu.core.families.networks import bert
from cluster4npu.core.families.windows import merge, swin_layer

_FOLDS = 4  # the spectrogram's parts in time, which are laid above each other as one square picture
_PATCH = 4


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a CLAP; the picture of a sound is `side` x `side`."""

    side: int
    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    text: bert.Shape
    shared: int

    @property
    def bins(self) -> int:
        """Return the height of the spectrogram; it is `_FOLDS` x `side` frames long."""
        return self.side // _FOLDS


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    text = shape.text
    return (
        Tensor("input_features", Content.MEL, (1, _FOLDS * shape.side, shape.bins)),
        Tensor("input_ids", Content.TOKENS, (text.length,), text.vocabulary),
        Tensor("attention_mask", Content.MASK, (text.length,)),
    )


def _folded(graph: Graph, shape: Shape) -> str:
    """Normalise each bin, and lay the parts in time above each other: batch x 1 x side x side."""
    x = graph.transpose("input_features", 0, 3, 2, 1)  # bins first, as batch normalisation wants them
    numbers = [np.zeros(shape.bins, np.float32), np.ones(shape.bins, np.float32)]
    scale, shift, mean, variance = (graph.constant(numbers[i]) for i in (1, 0, 0, 1))
    x = graph.op("BatchNormalization", x, scale, shift, mean, variance)
    x = graph.reshape(x, 0, shape.bins, _FOLDS, shape.side)
    return graph.reshape(graph.transpose(x, 0, 2, 1, 3), 0, 1, shape.side, shape.side)


def _hear(graph: Graph, shape: Shape) -> tuple[str, int]:
    """Return (one vector for each sound, its width)."""
    width, side = shape.width, shape.side // _PATCH
    x = graph.transpose(graph.conv(_folded(graph, shape), 1, width, _PATCH, _PATCH, pads=(0, 0)), 0, 2, 3, 1)
    x = graph.layer_norm(x, width)
    for number, (depth, heads) in enumerate(zip(shape.depths, shape.heads, strict=True)):
        if number:
            x, width, side = merge(graph, x, width), 2 * width, side // 2
        for layer in range(depth):
            x = swin_layer(graph, x, side, width, heads, shape.window, moved=layer % 2 == 1)
    x = graph.layer_norm(graph.reshape(x, 0, -1, width), width)
    return graph.op("ReduceMean", x, axes=[1], keepdims=0), width


def _projected(graph: Graph, x: str, width: int, shared: int) -> str:
    hidden = graph.activate(graph.dense(x, width, shared), "Relu")
    return graph.unit(graph.dense(hidden, shared, shared))


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    heard, width = _hear(graph, shape)
    audio = _projected(graph, heard, width, shape.shared)
    read, _ = bert.text_encoder(graph, "input_ids", "attention_mask", shape.text)
    wide = shape.text.layers.width
    pooled = graph.activate(graph.dense(first_token(graph, read), wide, wide), "Tanh")
    text = _projected(graph, pooled, wide, shape.shared)
    return {
        "logits_per_audio": Output(similarity(graph, audio, text), (None, None)),
        "text_embeds": Output(text, (None, shape.shared)),
        "audio_embeds": Output(audio, (None, shape.shared)),
    }


FAMILY = Family(
    id="clap",
    title="CLAP, sounds and texts",
    task="zero-shot-audio-classification",
    computes="one sound and one text, compared with all others of the batch",
    smallest="laion/clap-htsat-unfused: sounds of 10 s, Swin layers 2, 2, 6, 2 from width 96; texts 12 layers of 768",
    reduced=Shape(
        64, 16, (2, 2), (2, 4), 4, bert.Shape(Layers(2, 32, 2, 64), vocabulary=500, length=16), shared=32
    ),
    published=Shape(
        256, 96, (2, 2, 6, 2), (4, 8, 16, 32), 8,
        bert.Shape(Layers(12, 768, 12, 3072), vocabulary=50_265, length=77), shared=512,
    ),
    inputs=_inputs,
    network=_network,
)  # fmt: skip
