"""Whisper (Radford et al. 2022): an encoder of sound, and a decoder that writes down what is said."""

from __future__ import annotations

from dataclasses import dataclass

from cluster4npu.core.families.blocks import (
    Layers,
    attention,
    causal,
    embedding,
    encoder,
    feed_forward,
    logits,
    positions,
    waves,
)
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a Whisper; 100 `frames` are a second, `written` is how many tokens the decoder has so far."""

    layers: Layers
    frames: int
    vocabulary: int
    bins: int = 80
    written: int = 4  # start, language, task, no time stamps


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    return (
        Tensor("input_features", Content.MEL, (shape.bins, shape.frames)),
        Tensor("decoder_input_ids", Content.STARTED, (shape.written,), shape.vocabulary),
    )


def _hear(graph: Graph, shape: Shape) -> str:
    width = shape.layers.width
    x = graph.conv("input_features", shape.bins, width, 3, axes=1, act="Gelu")
    x = graph.conv(x, width, width, 3, 2, axes=1, act="Gelu")
    x = graph.add(graph.transpose(x, 0, 2, 1), graph.constant(waves(shape.frames // 2, width)))
    return graph.layer_norm(encoder(graph, x, shape.layers, norm_first=True), width)


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    layers, memory = shape.layers, _hear(graph, shape)
    x, table = embedding(graph, "decoder_input_ids", shape.vocabulary, layers.width)
    x = positions(graph, x, shape.written, layers.width)
    mask = causal(graph, shape.written)
    for _ in range(layers.count):
        y = graph.layer_norm(x, layers.width)
        x = graph.add(x, attention(graph, y, y, y, layers.width, layers.heads, mask=mask))
        y = graph.layer_norm(x, layers.width)
        x = graph.add(x, attention(graph, y, memory, memory, layers.width, layers.heads))
        y = graph.layer_norm(x, layers.width)
        x = graph.add(x, feed_forward(graph, y, layers.width, layers.inner, layers.act))
    x = graph.layer_norm(x, layers.width)
    return {"logits": Output(logits(graph, x, table), (None, shape.written, shape.vocabulary))}


FAMILY = Family(
    id="whisper",
    title="Whisper, from sound to text",
    task="automatic-speech-recognition",
    computes="the whole sound through the encoder, then one step of the decoder over its four first tokens",
    smallest="openai/whisper-tiny: 4 + 4 layers of width 384, 6 heads, 30 s of sound in 80 bins, 51865 tokens",
    reduced=Shape(Layers(2, 32, 2, 64), frames=200, vocabulary=500),
    published=Shape(Layers(4, 384, 6, 1536), frames=3000, vocabulary=51_865),
    inputs=_inputs,
    network=_network,
)
