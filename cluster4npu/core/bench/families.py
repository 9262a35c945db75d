"""Thirteen families of models by id: what goes into each, and a small configuration of it with random weights.

The configurations are for speed only: they have the families' shapes and operators in a size that builds and runs in
seconds anywhere, without a download, and recognise nothing. A figure of one says how a device copes with such
operators, not how fast the published model is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cluster4npu.core.errors import InputError, Problem, nearest

TEXT, IMAGE, VIDEO, SOUND = "text", "image", "video", "sound"
VOCABULARY = 1000
TOKENS = 32
IMAGE_SIDE, PATCH = 64, 8
VIDEO_FRAMES = 4
SAMPLES = 3200  # of sound, at 16 kHz: 0.2 s
MELS, MEL_FRAMES = 40, 64


@dataclass(frozen=True, slots=True)
class Input:
    """One input: N x `shape` of this dtype, of what `kind` of thing it is."""

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models. `parts` names what its network is put together from, in `random_weights`."""

    id: str
    title: str
    inputs: tuple[Input, ...]
    parts: tuple[str, ...]

    def build_inputs(self, batch: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        """Return one batch for every input: the same seed gives the same bytes on every machine."""
        random = np.random.default_rng(seed)
        return {item.name: _values(item, batch, random) for item in self.inputs}


def _values(item: Input, batch: int, random: np.random.Generator) -> np.ndarray:
    shape = (batch, *item.shape)
    if item.kind == TEXT:
        return random.integers(0, VOCABULARY, shape, dtype=np.int64)
    if item.kind == SOUND:
        return random.standard_normal(shape, np.float32)
    return random.random(shape, np.float32)  # pixels in 0..1


_TOKENS = Input("input_ids", TEXT, (TOKENS,), "int64")
_ANSWER = Input("decoder_input_ids", TEXT, (TOKENS // 2,), "int64")
_PIXELS = Input("pixel_values", IMAGE, (3, IMAGE_SIDE, IMAGE_SIDE), "float32")
_TILES = Input("tile_values", IMAGE, (2, 3, IMAGE_SIDE, IMAGE_SIDE), "float32")
_FILM = Input("video_values", VIDEO, (VIDEO_FRAMES, 3, IMAGE_SIDE, IMAGE_SIDE), "float32")
_WAVE = Input("input_values", SOUND, (SAMPLES,), "float32")
_MEL = Input("input_features", SOUND, (MELS, MEL_FRAMES), "float32")

_ALL = (
    Family("bert", "BERT: text, encoder", (_TOKENS,), ("text", "encoder", "classes")),
    Family("clap", "CLAP: sound and text in one space", (_MEL, _TOKENS), ("mel", "text", "two towers")),
    Family("clip", "CLIP: image and text in one space", (_PIXELS, _TOKENS), ("image", "text", "two towers")),
    Family("detr", "DETR: boxes by queries", (_PIXELS,), ("image", "encoder", "queries", "boxes")),
    Family("llama", "Llama: text, decoder", (_TOKENS,), ("text", "decoder", "words")),
    Family("llava", "LLaVA: image before text", (_PIXELS, _TOKENS), ("image", "text", "joined", "words")),
    Family(
        "llava_next", "LLaVA-NeXT: tiles before text", (_TILES, _TOKENS), ("tiles", "text", "joined", "words")
    ),
    Family("qwen2", "Qwen2: text, decoder with shared keys", (_TOKENS,), ("text", "shared keys", "words")),
    Family("t5", "T5: text to text", (_TOKENS, _ANSWER), ("text", "encoder", "answer", "words")),
    Family("vit", "ViT: image, encoder", (_PIXELS,), ("image", "encoder", "classes")),
    Family("wav2vec2", "wav2vec 2.0: sound, encoder", (_WAVE,), ("wave", "encoder", "letters")),
    Family("whisper", "Whisper: sound to text", (_MEL, _ANSWER), ("mel", "encoder", "answer", "words")),
    Family("xclip", "X-CLIP: film and text in one space", (_FILM, _TOKENS), ("film", "text", "two towers")),
)

FAMILIES: Mapping[str, Family] = {family.id: family for family in _ALL}


def family(id: str) -> Family:
    """Return a family by its id; raises InputError that names the nearest."""
    if id not in FAMILIES:
        raise InputError(
            Problem(
                f"there is no family '{id}'",
                field="families",
                found=id,
                allowed=", ".join(FAMILIES),
                hint=nearest(id, FAMILIES) or "Choose one of those.",
            )
        )
    return FAMILIES[id]
