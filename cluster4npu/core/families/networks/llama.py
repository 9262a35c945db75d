"""Llama (Touvron et al. 2023): a decoder that goes on with a text."""

from __future__ import annotations

from cluster4npu.core.families.blocks import embedding, not_padding
from cluster4npu.core.families.decoder import Decoder, decode, next_token, prompt
from cluster4npu.core.families.family import Family, Output
from cluster4npu.core.families.graph import Graph


def text_network(graph: Graph, shape: Decoder) -> dict[str, Output]:
    """Add the whole network of a decoder of texts."""
    x, table = embedding(graph, "input_ids", shape.vocabulary, shape.width)
    x = decode(graph, x, shape, shape.length, not_padding(graph, "attention_mask"))
    return {"logits": next_token(graph, x, shape, table)}


FAMILY = Family(
    id="llama",
    title="Llama decoder of texts",
    task="text-generation",
    computes="one step of the decoder: the prompt through all layers, without a cache, to the next token's scores",
    smallest="stories15M of llama2.c: 6 layers of width 288, 6 heads, 32000 tokens; here with prompts of 128 tokens",
    reduced=Decoder(2, 32, 4, 2, 96, vocabulary=500, length=32),
    published=Decoder(6, 288, 6, 6, 768, vocabulary=32_000, length=128, tied=True),
    inputs=prompt,
    network=text_network,
)
