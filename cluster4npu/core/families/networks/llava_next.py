"""LLaVA-NeXT (Liu et al. 2024): LLaVA that sees an image as a whole, and once more in tiles."""

from __future__ import annotations

from dataclasses import dataclass

from cluster4npu.core.families.blocks import Layers
from cluster4npu.core.families.contrastive import Vision
from cluster4npu.core.families.decoder import Decoder, prompt
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph
from cluster4npu.core.families.networks.llava import answer, squares_for_text

_GRID = 2  # tiles in each direction


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a LLaVA-NeXT."""

    vision: Vision
    text: Decoder


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    side = shape.vision.side
    tiles = 1 + _GRID * _GRID  # the whole image first
    return (*prompt(shape.text), Tensor("pixel_values", Content.PIXELS, (tiles, 3, side, side)))


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    vision, width = shape.vision, shape.text.width
    side, edge = vision.side, vision.side // vision.patch
    tiles = graph.reshape("pixel_values", -1, 3, side, side)
    seen = graph.reshape(
        squares_for_text(graph, tiles, vision, shape.text), -1, 1 + _GRID * _GRID, vision.squares, width
    )
    whole = graph.op("Squeeze", graph.piece(seen, 1, 0, 1), graph.whole(1))
    parts = graph.reshape(graph.piece(seen, 1, 1, 2**31), -1, _GRID, _GRID, edge, edge, width)
    rows = graph.reshape(graph.transpose(parts, 0, 1, 3, 2, 4, 5), -1, _GRID * edge, _GRID * edge, width)
    end = graph.op(
        "Expand", graph.random(1, 1, 1, width, inner=width), graph.whole(1, _GRID * edge, 1, width)
    )
    rows = graph.op("Concat", rows, graph.for_each(end, rows, 4), axis=2)  # a learned token ends each row
    places = _GRID * edge * (_GRID * edge + 1)
    image = graph.op("Concat", whole, graph.reshape(rows, 0, places, width), axis=1)
    return answer(graph, image, vision.squares + places, shape.text)


FAMILY = Family(
    id="llava_next",
    title="LLaVA-NeXT, a decoder of texts that sees an image in tiles",
    task="image-text-to-text",
    computes="one step of the decoder: image, four tiles of it and prompt, without a cache, to the next token's scores",
    smallest="llava-hf/llava-v1.6-vicuna-7b-hf: as llava-1.5-7b, with up to four tiles of 336 px beside the image",
    too_large="its 7 billion parameters take 28 GB in fp32",
    reduced=Shape(
        Vision(Layers(2, 32, 2, 64, "QuickGelu"), side=64, patch=16),
        Decoder(2, 32, 4, 4, 96, vocabulary=500, length=16),
    ),
    inputs=_inputs,
    network=_network,
)
