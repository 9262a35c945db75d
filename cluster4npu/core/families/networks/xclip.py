"""X-CLIP (Ni et al. 2022): tells how well clips and texts fit each other; its frames send each other messages."""

from __future__ import annotations

from dataclasses import dataclass

from cluster4npu.core.families.blocks import Layers, attention, encoder, feed_forward, first_token, positions
from cluster4npu.core.families.contrastive import SIMILARITY, Text, Vision, image_tokens, text_encoder
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph

_PROMPT_SHARE = 0.1  # how much of what a clip says goes into the texts, at first


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of an X-CLIP. `joined` are the layers over the frames of a clip, `prompts` those that fit texts to it."""

    vision: Vision
    text: Text
    joined: Layers
    prompts: int
    frames: int

    @property
    def shared(self) -> int:
        """Return the width in which clips and texts are compared."""
        return self.joined.width


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    return (
        Tensor("input_ids", Content.ENDED, (shape.text.length,), shape.text.vocabulary),
        Tensor("pixel_values", Content.FRAMES, (shape.frames, 3, shape.vision.side, shape.vision.side)),
    )


def _watch(graph: Graph, shape: Shape) -> str:
    """Return every token of each frame: (batch * frames) x (1 + squares) x width."""
    layers, side = shape.vision.layers, shape.vision.side
    x = image_tokens(graph, graph.reshape("pixel_values", -1, 3, side, side), shape.vision)
    width, tokens = layers.width, shape.vision.squares + 1
    for _ in range(layers.count):
        message = graph.reshape(graph.dense(first_token(graph, x), width, width), -1, shape.frames, width)
        y = graph.layer_norm(message, width)
        message = graph.add(message, attention(graph, y, y, y, width, layers.heads))
        x = graph.op("Concat", x, graph.reshape(message, -1, 1, width), axis=1)
        y = graph.layer_norm(x, width)
        x = graph.add(x, attention(graph, y, y, y, width, layers.heads))
        x = graph.piece(x, 1, 0, tokens)  # the message is read
        y = graph.layer_norm(x, width)
        x = graph.add(x, feed_forward(graph, y, width, layers.inner, layers.act))
    return x


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    width, shared = shape.vision.layers.width, shape.shared
    seen = _watch(graph, shape)
    frames = graph.dense(graph.layer_norm(first_token(graph, seen), width), width, shared, bias=False)
    frames = graph.reshape(frames, -1, shape.frames, shared)
    joined = encoder(graph, positions(graph, frames, shape.frames, shared), shape.joined, norm_first=True)
    video = graph.op("ReduceMean", graph.add(frames, joined), axes=[1], keepdims=0)

    squares = graph.dense(graph.layer_norm(graph.piece(seen, 1, 1, 2**31), width), width, shared, bias=False)
    squares = graph.reshape(squares, -1, shape.frames, shape.vision.squares, shared)
    squares = graph.layer_norm(graph.op("ReduceMean", squares, axes=[1], keepdims=0), shared)
    text = graph.dense(
        text_encoder(graph, "input_ids", shape.text), shape.text.layers.width, shared, bias=False
    )
    texts = _fitted(graph, graph.op("Unsqueeze", text, graph.whole(0)), squares, shape)
    clip = graph.op("Unsqueeze", graph.unit(video), graph.whole(2))
    fit = graph.op("Squeeze", graph.op("MatMul", graph.unit(texts), clip), graph.whole(2))
    return {
        "logits_per_video": Output(graph.scale(fit, SIMILARITY), (None, None)),
        "video_embeds": Output(graph.unit(video), (None, shared)),
    }


def _fitted(graph: Graph, texts: str, squares: str, shape: Shape) -> str:
    """Return the texts (1 x texts x width) as each clip has them: batch x texts x width."""
    width, heads, x = shape.shared, shape.joined.heads, texts
    for _ in range(shape.prompts):
        y = graph.layer_norm(x, width)
        x = graph.add(x, attention(graph, y, squares, squares, width, heads, bias=False, out_bias=True))
        x = graph.add(x, feed_forward(graph, graph.layer_norm(x, width), width, 4 * width, "QuickGelu"))
    return graph.add(texts, graph.scale(x, _PROMPT_SHARE))


FAMILY = Family(
    id="xclip",
    title="X-CLIP, clips and texts",
    task="zero-shot-video-classification",
    computes="one clip of several frames and one text, compared with all others of the batch",
    smallest="microsoft/xclip-base-patch32: 8 frames, images 12 layers of width 768, texts 12 of 512, 49408 tokens",
    reduced=Shape(
        Vision(Layers(2, 32, 2, 64, "QuickGelu"), side=64, patch=16),
        Text(Layers(2, 32, 2, 64, "QuickGelu"), vocabulary=500, length=16),
        joined=Layers(1, 32, 2, 64, "QuickGelu"),
        prompts=2,
        frames=4,
    ),
    published=Shape(
        Vision(Layers(12, 768, 12, 3072, "QuickGelu"), side=224, patch=32),
        Text(Layers(12, 512, 8, 2048, "QuickGelu"), vocabulary=49_408, length=77),
        joined=Layers(1, 512, 8, 2048, "QuickGelu"),
        prompts=2,
        frames=8,
    ),
    inputs=_inputs,
    network=_network,
)
