"""CLIP (Radford et al. 2021): tells how well images and texts fit each other."""

from __future__ import annotations

from dataclasses import dataclass

from cluster4npu.core.families.blocks import Layers, first_token
from cluster4npu.core.families.contrastive import Text, Vision, image_encoder, similarity, text_encoder
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a CLIP; `shared` is the width in which images and texts are compared."""

    vision: Vision
    text: Text
    shared: int


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    return (
        Tensor("input_ids", Content.ENDED, (shape.text.length,), shape.text.vocabulary),
        Tensor("pixel_values", Content.PIXELS, (3, shape.vision.side, shape.vision.side)),
    )


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    width = shape.vision.layers.width
    image = graph.layer_norm(first_token(graph, image_encoder(graph, "pixel_values", shape.vision)), width)
    image = graph.unit(graph.dense(image, width, shape.shared, bias=False))
    text = text_encoder(graph, "input_ids", shape.text)
    text = graph.unit(graph.dense(text, shape.text.layers.width, shape.shared, bias=False))
    return {
        "logits_per_image": Output(similarity(graph, image, text), (None, None)),
        "text_embeds": Output(text, (None, shape.shared)),
        "image_embeds": Output(image, (None, shape.shared)),
    }


FAMILY = Family(
    id="clip",
    title="CLIP, images and texts",
    task="zero-shot-image-classification",
    computes="one image and one text, compared with all others of the batch",
    smallest="openai/clip-vit-base-patch32: images 12 layers of width 768, texts 12 of 512, 49408 tokens",
    reduced=Shape(
        Vision(Layers(2, 32, 2, 64, "QuickGelu"), side=64, patch=16),
        Text(Layers(2, 32, 2, 64, "QuickGelu"), vocabulary=500, length=16),
        shared=32,
    ),
    published=Shape(
        Vision(Layers(12, 768, 12, 3072, "QuickGelu"), side=224, patch=32),
        Text(Layers(12, 512, 8, 2048, "QuickGelu"), vocabulary=49_408, length=77),
        shared=512,
    ),
    inputs=_inputs,
    network=_network,
)
