"""The decoder that Llama (Touvron et al. 2023), Qwen2 and what is built on them share."""

from __future__ import annotations

from dataclasses import dataclass

from cluster4npu.core.families.blocks import attention, causal, logits, rotary
from cluster4npu.core.families.family import Content, Output, Tensor
from cluster4npu.core.families.graph import Graph


@dataclass(frozen=True, slots=True)
class Decoder:
    """Sizes of such a decoder; `bias` is that of Qwen2's queries, keys and values, `base` of its rotary positions."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    inner: int
    vocabulary: int
    length: int
    bias: bool = False
    tied: bool = False
    base: float = 10_000.0


def decode(graph: Graph, x: str, shape: Decoder, length: int, padding: str) -> str:
    """Add all layers over `length` places, and the last normalisation."""
    size = shape.width // shape.heads
    turn = rotary(graph, length, size, shape.base)
    mask = graph.add(causal(graph, length), padding)
    for _ in range(shape.layers):
        y = graph.rms_norm(x, shape.width)
        y = attention(
            graph, y, y, y, shape.width, shape.heads, kv_heads=shape.kv_heads, mask=mask, turn=turn,
            bias=shape.bias, out_bias=False,
        )  # fmt: skip
        x = graph.add(x, y)
        y = graph.rms_norm(x, shape.width)
        gate = graph.activate(graph.dense(y, shape.width, shape.inner, bias=False), "SiLU")
        y = graph.op("Mul", gate, graph.dense(y, shape.width, shape.inner, bias=False))
        x = graph.add(x, graph.dense(y, shape.inner, shape.width, bias=False))
    return graph.rms_norm(x, shape.width)


def next_token(graph: Graph, x: str, shape: Decoder, table: str) -> Output:
    """Add the scores of every token behind the last place only, which is what writing goes on with."""
    last = graph.piece(x, 1, -1, 2**31)
    tied = (
        logits(graph, last, table)
        if shape.tied
        else graph.dense(last, shape.width, shape.vocabulary, bias=False)
    )
    return Output(tied, (None, 1, shape.vocabulary))


def prompt(shape: Decoder) -> tuple[Tensor, ...]:
    """Return the inputs of a prompt."""
    return (
        Tensor("input_ids", Content.TOKENS, (shape.length,), shape.vocabulary),
        Tensor("attention_mask", Content.PROMPT_MASK, (shape.length,)),
    )
