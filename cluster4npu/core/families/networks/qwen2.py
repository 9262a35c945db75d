"""Qwen2 (Yang et al. 2024): a decoder as Llama's, with grouped keys, and biases where it asks."""

from __future__ import annotations

from cluster4npu.core.families.decoder import Decoder, prompt
from cluster4npu.core.families.family import Family
from cluster4npu.core.families.networks.llama import text_network

FAMILY = Family(
    id="qwen2",
    title="Qwen2 decoder of texts",
    task="text-generation",
    computes="one step of the decoder: the prompt through all layers, without a cache, to the next token's scores",
    smallest="Qwen/Qwen2-0.5B: 24 layers of width 896, 14 heads that share 2 of keys, 151936 tokens",
    too_large="its 0.49 billion parameters in fp32 nearly fill the 2 GB that an ONNX file can hold",
    reduced=Decoder(2, 56, 7, 1, 152, vocabulary=500, length=32, bias=True, tied=True, base=1_000_000.0),
    inputs=prompt,
    network=text_network,
)
