"""What a network of a family is fed: the same bytes for the same seed, of the kind that the family really gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cluster4npu.core.families.family import Content, Tensor

_SPECIAL = 3  # token ids below it stand for padding, start, end
_RATE_HZ = 16_000


def make_inputs(tensors: Sequence[Tensor], batch: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
    """Return one array by name for each input, batch first; the caller owns them."""
    rng = np.random.default_rng([seed, batch])
    return {
        tensor.name: np.ascontiguousarray(_MAKERS[tensor.content](tensor, batch, rng), tensor.dtype)
        for tensor in tensors
    }


def _tokens(tensor: Tensor, batch: int, rng: np.random.Generator) -> np.ndarray:
    low = min(_SPECIAL, tensor.vocabulary - 1)
    return rng.integers(low, tensor.vocabulary, (batch, *tensor.shape))


def _started(tensor: Tensor, batch: int, rng: np.random.Generator) -> np.ndarray:
    found = _tokens(tensor, batch, rng)
    found[:, 0] = 0
    return found


def _ended(tensor: Tensor, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Texts of half the length to the whole of it, each with its end marked by the highest id, then padding."""
    found, length = _tokens(tensor, batch, rng), tensor.shape[-1]
    found[:] = np.minimum(found, tensor.vocabulary - 2)
    for row, end in enumerate(rng.integers(length // 2, length, batch)):
        found[row, end:] = 0
        found[row, end] = tensor.vocabulary - 1
    return found


def _mask(tensor: Tensor, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Texts of half the length to the whole of it; the first of a batch is whole."""
    lengths = rng.integers(tensor.shape[-1] // 2, tensor.shape[-1] + 1, (batch, 1))
    lengths[0] = tensor.shape[-1]
    found: np.ndarray = np.arange(tensor.shape[-1])[None] < lengths
    return found


def _prompt_mask(tensor: Tensor, batch: int, rng: np.random.Generator) -> np.ndarray:
    found: np.ndarray = _mask(tensor, batch, rng)[:, ::-1]
    return found


def _pixels(tensor: Tensor, batch: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((batch, *tensor.shape), np.float32)


def _frames(tensor: Tensor, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Frames x 3 x height x width: one picture that moves by four pixels from frame to frame."""
    still = rng.standard_normal((batch, *tensor.shape[1:]), np.float32)
    return np.stack([np.roll(still, 4 * number, axis=-1) for number in range(tensor.shape[0])], axis=1)


def _mel(tensor: Tensor, batch: int, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-1, 1, (batch, *tensor.shape))


def _wave(tensor: Tensor, batch: int, rng: np.random.Generator) -> np.ndarray:
    """A tone of 100 to 400 Hz in noise."""
    seconds = np.arange(tensor.shape[-1]) / _RATE_HZ
    tone = np.sin(2 * np.pi * rng.uniform(100, 400, (batch, 1)) * seconds)
    noisy = tone + 0.3 * rng.standard_normal((batch, *tensor.shape))
    found: np.ndarray = (noisy - noisy.mean(-1, keepdims=True)) / noisy.std(-1, keepdims=True)
    return found


_MAKERS: dict[Content, Callable[[Tensor, int, np.random.Generator], np.ndarray]] = {
    Content.TOKENS: _tokens,
    Content.STARTED: _started,
    Content.ENDED: _ended,
    Content.MASK: _mask,
    Content.PROMPT_MASK: _prompt_mask,
    Content.PIXELS: _pixels,
    Content.FRAMES: _frames,
    Content.MEL: _mel,
    Content.WAVE: _wave,
}
