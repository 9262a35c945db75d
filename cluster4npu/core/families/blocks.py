"""What transformers are made of: attention, dense layers, embeddings, masks. Tensors are batch x length x width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cluster4npu.core.families.graph import Graph

_HIDDEN = -1e4  # added to what must not be seen; fp16 can hold it


@dataclass(frozen=True, slots=True)
class Layers:
    """A stack of transformer layers."""

    count: int
    width: int
    heads: int
    inner: int  # width of the feed-forward layer
    act: str = "Gelu"


def attention(
    graph: Graph, query: str, key: str, value: str, width: int, heads: int, *,
    kv_heads: int | None = None, head: int | None = None, kv_width: int | None = None, mask: str = "",
    turn: tuple[str, str] | None = None, bias: bool = True, out_bias: bool | None = None, scale: bool = True,
) -> str:  # fmt: skip
    """Add multi-head attention (Vaswani et al. 2017) with its projections.

    `mask` is added to the scores (broadcast to batch x heads x query x key); `turn` is (cos, sin) of rotary positions;
    with fewer `kv_heads` than heads each serves a group (Ainslie et al. 2023). `head` is the width of one head.
    """
    size, kv_heads, source = head or width // heads, kv_heads or heads, kv_width or width
    q = _heads(graph, graph.dense(query, width, heads * size, bias=bias), heads, size)
    k = _heads(graph, graph.dense(key, source, kv_heads * size, bias=bias), kv_heads, size)
    v = _heads(graph, graph.dense(value, source, kv_heads * size, bias=bias), kv_heads, size)
    if turn is not None:
        q, k = _turned(graph, q, size, *turn), _turned(graph, k, size, *turn)
    k, v = (_shared(graph, x, heads // kv_heads, heads, kv_heads, size) for x in (k, v))
    scores = graph.op("MatMul", q, graph.transpose(k, 0, 1, 3, 2))
    scores = graph.scale(scores, size**-0.5) if scale else scores
    scores = graph.op("Add", scores, mask) if mask else scores
    taken = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), v)
    together = graph.reshape(graph.transpose(taken, 0, 2, 1, 3), 0, -1, heads * size)
    return graph.dense(together, heads * size, width, bias=bias if out_bias is None else out_bias)


def _heads(graph: Graph, x: str, heads: int, size: int) -> str:
    return graph.transpose(graph.reshape(x, 0, -1, heads, size), 0, 2, 1, 3)


def _shared(graph: Graph, x: str, times: int, heads: int, kv_heads: int, size: int) -> str:
    if times == 1:
        return x
    apart = graph.op("Unsqueeze", x, graph.whole(2))
    repeated = graph.op("Concat", *[apart] * times, axis=2)
    return graph.reshape(repeated, 0, heads, -1, size)


def _turned(graph: Graph, x: str, size: int, cos: str, sin: str) -> str:
    """Add rotary positions (Su et al. 2021), halves of a head turned against each other as Llama does."""
    first, second = graph.piece(x, 3, 0, size // 2), graph.piece(x, 3, size // 2, size)
    other = graph.op("Concat", graph.op("Neg", second), first, axis=3)
    return graph.op("Add", graph.op("Mul", x, cos), graph.op("Mul", other, sin))


def rotary(graph: Graph, length: int, size: int, base: float = 10_000.0) -> tuple[str, str]:
    """Return (cos, sin) of rotary positions, each 1 x 1 x length x size."""
    angles = np.outer(np.arange(length), base ** (-np.arange(0, size, 2) / size))
    both = np.concatenate([angles, angles], axis=1)[None, None].astype(np.float32)
    return graph.constant(np.cos(both)), graph.constant(np.sin(both))


def feed_forward(graph: Graph, x: str, width: int, inner: int, act: str, *, bias: bool = True) -> str:
    """Add two dense layers with an activation between."""
    return graph.dense(graph.activate(graph.dense(x, width, inner, bias=bias), act), inner, width, bias=bias)


def encoder(
    graph: Graph, x: str, layers: Layers, *, mask: str = "", norm_first: bool, epsilon: float = 1e-5
) -> str:
    """Add layers of self-attention; `norm_first` as GPT and ViT have it, else as BERT has it."""
    for _ in range(layers.count):
        if norm_first:
            y = graph.layer_norm(x, layers.width, epsilon=epsilon)
            x = graph.add(x, attention(graph, y, y, y, layers.width, layers.heads, mask=mask))
            y = graph.layer_norm(x, layers.width, epsilon=epsilon)
            x = graph.add(x, feed_forward(graph, y, layers.width, layers.inner, layers.act))
        else:
            y = attention(graph, x, x, x, layers.width, layers.heads, mask=mask)
            x = graph.layer_norm(graph.add(x, y), layers.width, epsilon=epsilon)
            y = feed_forward(graph, x, layers.width, layers.inner, layers.act)
            x = graph.layer_norm(graph.add(x, y), layers.width, epsilon=epsilon)
    return x


def embedding(graph: Graph, ids: str, vocabulary: int, width: int) -> tuple[str, str]:
    """Return (the vectors of token ids, the table that they are taken from)."""
    table = graph.random(vocabulary, width, inner=width)
    return graph.op("Gather", table, ids), table


def logits(graph: Graph, x: str, table: str) -> str:
    """Add the scores of every token, with the table that tokens are embedded with (tied weights)."""
    return graph.op("MatMul", x, graph.transpose(table, 1, 0))


def positions(graph: Graph, x: str, length: int, width: int) -> str:
    """Add a learned vector for each place."""
    return graph.add(x, graph.random(1, length, width, inner=width))


def waves(length: int, width: int) -> np.ndarray:
    """Return positions as sines and cosines (Vaswani et al. 2017), 1 x length x width."""
    rates = np.exp(-np.log(10_000.0) * np.arange(width // 2) / max(1, width // 2 - 1))
    angles = np.arange(length)[:, None] * rates[None]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[None].astype(np.float32)


def not_padding(graph: Graph, mask: str) -> str:
    """Return what is added to scores, batch x 1 x 1 x length, from an attention mask of ones and zeros."""
    seen = graph.op("Cast", mask, to=int(graph.onnx.TensorProto.FLOAT))
    hidden = graph.scale(graph.op("Sub", graph.constant(np.float32(1)), seen), _HIDDEN)
    return graph.op("Unsqueeze", hidden, graph.whole(1, 2))


def causal(graph: Graph, length: int) -> str:
    """Return what is added to scores so that nothing sees what comes later, 1 x 1 x length x length."""
    later = np.triu(np.full((length, length), _HIDDEN, np.float32), 1)
    return graph.constant(later[None, None])


def patches(graph: Graph, image: str, width: int, patch: int) -> str:
    """Cut images (N x 3 x H x W) into squares and embed each: N x squares x width."""
    x = graph.conv(image, 3, width, patch, patch, pads=(0, 0))
    return graph.transpose(graph.reshape(x, 0, width, -1), 0, 2, 1)


def with_class_token(graph: Graph, x: str, width: int) -> str:
    """Put one learned token in front."""
    token = graph.for_each(graph.random(1, 1, width, inner=width), x, 3)
    return graph.op("Concat", token, x, axis=1)


def first_token(graph: Graph, x: str) -> str:
    """Return the first token of each: batch x width."""
    return graph.op("Squeeze", graph.piece(x, 1, 0, 1), graph.whole(1))
