"""BERT (Devlin et al. 2018): an encoder of texts that names the token behind a mask."""

from __future__ import annotations

from dataclasses import dataclass

from cluster4npu.core.families.blocks import Layers, embedding, encoder, logits, not_padding, positions
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a BERT."""

    layers: Layers
    vocabulary: int
    length: int
    places: int = 512


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    return (
        Tensor("input_ids", Content.TOKENS, (shape.length,), shape.vocabulary),
        Tensor("attention_mask", Content.MASK, (shape.length,)),
    )


def text_encoder(graph: Graph, ids: str, mask: str, shape: Shape) -> tuple[str, str]:
    """Return (batch x length x width, the table of tokens)."""
    width = shape.layers.width
    x, table = embedding(graph, ids, shape.vocabulary, width)
    x = positions(graph, x, shape.length, width)
    x = graph.layer_norm(graph.add(x, graph.random(1, 1, width, inner=width)), width)  # the one kind of text
    return encoder(graph, x, shape.layers, mask=not_padding(graph, mask), norm_first=False), table


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    width = shape.layers.width
    x, table = text_encoder(graph, "input_ids", "attention_mask", shape)
    x = graph.layer_norm(graph.activate(graph.dense(x, width, width), shape.layers.act), width)
    return {"logits": Output(logits(graph, x, table), (None, shape.length, shape.vocabulary))}


FAMILY = Family(
    id="bert",
    title="BERT encoder of texts",
    task="fill-mask",
    computes="all tokens of a text at once, with the scores of every token of the vocabulary",
    smallest="prajjwal1/bert-tiny: 2 layers of width 128, 2 heads, 30522 tokens; here with texts of 128 tokens",
    reduced=Shape(Layers(2, 32, 2, 128), vocabulary=500, length=32),
    published=Shape(Layers(2, 128, 2, 512), vocabulary=30_522, length=128),
    inputs=_inputs,
    network=_network,
)
