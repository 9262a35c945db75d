"""LLaVA (Liu et al. 2023): a decoder of texts that sees an image in its prompt."""

from __future__ import annotations

from dataclasses import dataclass

from cluster4npu.core.families.blocks import Layers, embedding, not_padding
from cluster4npu.core.families.contrastive import Vision, image_encoder
from cluster4npu.core.families.decoder import Decoder, decode, next_token, prompt
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a LLaVA; the image's squares stand in front of the text."""

    vision: Vision
    text: Decoder


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    side = shape.vision.side
    return (*prompt(shape.text), Tensor("pixel_values", Content.PIXELS, (3, side, side)))


def squares_for_text(graph: Graph, pixels: str, vision: Vision, text: Decoder) -> str:
    """Return an image's squares (without the class token) in the width of the text: N x squares x width."""
    seen = graph.piece(image_encoder(graph, pixels, vision), 1, 1, 2**31)
    y = graph.activate(graph.dense(seen, vision.layers.width, text.width), "Gelu")
    return graph.dense(y, text.width, text.width)


def answer(graph: Graph, image: str, places: int, text: Decoder) -> dict[str, Output]:
    """Add the decoder over `places` of an image and the text behind it."""
    words, table = embedding(graph, "input_ids", text.vocabulary, text.width)
    x = graph.op("Concat", image, words, axis=1)
    padding = graph.op(
        "Pad", not_padding(graph, "attention_mask"), graph.whole(0, 0, 0, places, 0, 0, 0, 0)
    )  # none
    x = decode(graph, x, text, places + text.length, padding)
    return {"logits": next_token(graph, x, text, table)}


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    image = squares_for_text(graph, "pixel_values", shape.vision, shape.text)
    return answer(graph, image, shape.vision.squares, shape.text)


FAMILY = Family(
    id="llava",
    title="LLaVA, a decoder of texts that sees an image",
    task="image-text-to-text",
    computes="one step of the decoder: image and prompt through all layers, no cache, to the next token's scores",
    smallest="llava-hf/llava-1.5-7b-hf: images 24 layers of width 1024 at 336 px, texts 32 layers of width 4096",
    too_large="its 7 billion parameters take 28 GB in fp32",
    reduced=Shape(
        Vision(Layers(2, 32, 2, 64, "QuickGelu"), side=64, patch=16),
        Decoder(2, 32, 4, 4, 96, vocabulary=500, length=16),
    ),
    inputs=_inputs,
    network=_network,
)
