"""Wav2Vec2 (Baevski et al. 2020): from a waveform to letters, without a spectrogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cluster4npu.core.families.blocks import Layers, encoder
from cluster4npu.core.families.family import Content, Family, Output, Tensor
from cluster4npu.core.families.graph import Graph

_KERNELS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))  # kernel and stride, as published


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a Wav2Vec2; 16000 `samples` are a second."""

    layers: Layers
    channels: int
    samples: int
    letters: int = 32
    near: int = 128  # kernel of the convolution that tells places
    groups: int = 16

    @property
    def length(self) -> int:
        """Return how many places the convolutions leave."""
        length = self.samples
        for kernel, stride in _KERNELS:
            length = (length - kernel) // stride + 1
        return length


def _inputs(shape: Shape) -> tuple[Tensor, ...]:
    return (Tensor("input_values", Content.WAVE, (shape.samples,)),)


def _features(graph: Graph, shape: Shape) -> str:
    x, inner, channels = graph.op("Unsqueeze", "input_values", graph.whole(1)), 1, shape.channels
    for number, (kernel, stride) in enumerate(_KERNELS):
        x = graph.conv(x, inner, channels, kernel, stride, axes=1, pads=(0, 0))
        if number == 0:  # one group for each channel
            ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
            x = graph.op("InstanceNormalization", x, graph.constant(ones), graph.constant(zeros))
        x, inner = graph.activate(x, "Gelu"), channels
    return graph.layer_norm(graph.transpose(x, 0, 2, 1), channels)


def _network(graph: Graph, shape: Shape) -> dict[str, Output]:
    width = shape.layers.width
    x = graph.dense(_features(graph, shape), shape.channels, width)
    pads = (shape.near // 2, shape.near // 2 - 1)  # an even kernel, of whose results the last is dropped
    near = graph.conv(
        graph.transpose(x, 0, 2, 1),
        width,
        width,
        shape.near,
        axes=1,
        pads=pads,
        groups=shape.groups,
        act="Gelu",
    )
    x = graph.layer_norm(graph.add(x, graph.transpose(near, 0, 2, 1)), width)
    x = encoder(graph, x, shape.layers, norm_first=False)
    return {"logits": Output(graph.dense(x, width, shape.letters), (None, shape.length, shape.letters))}


FAMILY = Family(
    id="wav2vec2",
    title="Wav2Vec2, from sound to letters",
    task="automatic-speech-recognition",
    computes="a whole waveform, with the scores of every letter at each place (CTC)",
    smallest="facebook/wav2vec2-base-960h: 7 convolutions of 512, 12 layers of width 768; here with 1 s of sound",
    reduced=Shape(Layers(2, 32, 2, 64), channels=32, samples=4_000, near=16, groups=4),
    published=Shape(Layers(12, 768, 12, 3072), channels=512, samples=16_000),
    inputs=_inputs,
    network=_network,
)
