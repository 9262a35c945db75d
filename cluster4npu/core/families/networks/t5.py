"""T5 (Raffel et al. 2019): an encoder of texts, and a decoder that writes the answer token by token."""

from __future__ import annotations

from dataclasses import dataclass

from cluster4npu.core.families.blocks import (
    Layers,
    attention,
    causal,
    embedding,
    feed_forward,
    logits,
    not_padding,
)
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a T5; `head` is the width of one head, `written` how many tokens the decoder has so far."""

    layers: Layers
    head: int
    vocabulary: int
    length: int
    written: int = 1


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    return (
        Tensor("input_ids", Content.TOKENS, (shape.length,), shape.vocabulary),
        Tensor("attention_mask", Content.MASK, (shape.length,)),
        Tensor("decoder_input_ids", Content.STARTED, (shape.written,), shape.vocabulary),
    )


def _stack(graph: Graph, x: str, shape: Shape, mask: str, memory: str = "", memory_mask: str = "") -> str:
    """Add the encoder, or with `memory` the decoder: no biases, no scaling of scores, as T5 has it."""
    layers = shape.layers
    width, heads = layers.width, layers.heads

    def attend(query: str, key: str, hidden: str) -> str:
        return attention(
            graph, query, key, key, width, heads, mask=hidden, head=shape.head, bias=False, scale=False
        )

    for _ in range(layers.count):
        y = graph.rms_norm(x, width)
        x = graph.add(x, attend(y, y, mask))
        if memory:
            y = graph.rms_norm(x, width)
            x = graph.add(x, attend(y, memory, memory_mask))
        y = graph.rms_norm(x, width)
        x = graph.add(x, feed_forward(graph, y, width, layers.inner, layers.act, bias=False))
    return graph.rms_norm(x, width)


def _distances(graph: Graph, shape: Shape, length: int) -> str:
    """Return what each head adds to the scores of two places: the table of distances, looked up beforehand."""
    return graph.random(1, shape.layers.heads, length, length, inner=1)


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    x, table = embedding(graph, "input_ids", shape.vocabulary, shape.layers.width)
    padding = not_padding(graph, "attention_mask")
    memory = _stack(graph, x, shape, graph.add(_distances(graph, shape, shape.length), padding))
    y = graph.op("Gather", table, "decoder_input_ids")
    later = graph.add(_distances(graph, shape, shape.written), causal(graph, shape.written))
    y = graph.scale(_stack(graph, y, shape, later, memory, padding), shape.layers.width**-0.5)
    return {"logits": Output(logits(graph, y, table), (None, shape.written, shape.vocabulary))}


FAMILY = Family(
    id="t5",
    title="T5 encoder and decoder of texts",
    task="text-to-text",
    computes="the whole text through the encoder, then one step of the decoder",
    smallest="google/t5-efficient-tiny: 4 + 4 layers of width 256, 4 heads of 64, 32128 tokens; here with texts of 128",
    reduced=Shape(Layers(2, 32, 2, 64, "Relu"), head=16, vocabulary=500, length=32),
    published=Shape(Layers(4, 256, 4, 1024, "Relu"), head=64, vocabulary=32_128, length=128),
    inputs=_inputs,
    network=_network,
)
