"""The tiny models of `models`, with the same weights, as TorchScript and as torch.export programs."""

# No `from __future__ import annotations`: TorchScript looks at annotations, and cannot find what strings name.
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from tests.backends.models import _weights

_TYPES = {"float32": torch.float32, "float16": torch.float16, "uint8": torch.uint8}


class _Conv(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("w", torch.from_numpy(_weights(4, 3, 3, 3)))

    def forward(self, image):
        values = functional.conv2d(image, self.w, padding=1)
        return values, values * values


class _Detector(torch.nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("w", torch.from_numpy(_weights(channels, 3, 8, 8)))

    def forward(self, image):
        return torch.sigmoid(functional.conv2d(image, self.w, stride=8)).flatten(2)


class _Classifier(torch.nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("w", torch.from_numpy(_weights(3, classes) * 5))
        self.register_buffer("b", torch.from_numpy(_weights(classes, seed=1)))

    def forward(self, image):
        return torch.softmax(image.mean((2, 3)) @ self.w + self.b, 1)


class _Mean(torch.nn.Module):
    def forward(self, image):
        return image.float().mean((2, 3), keepdim=True)


class _Sum(torch.nn.Module):
    def forward(self, left, right):
        return left + right


class _Relu(torch.nn.Module):
    def forward(self, vector):
        return torch.relu(vector)


def save_script(path: Path, module, *examples, metadata=None) -> Path:
    """Trace (or, without examples, compile) and save as TorchScript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.jit.trace(module.eval(), examples) if examples else torch.jit.script(module.eval())
        torch.jit.save(made, str(path), _extra_files=metadata or {})
    return path


def conv(path: Path, *, size=(16, 24), batch: int | str = 1, metadata=None) -> Path:
    if isinstance(batch, str):
        return save_script(path, _Conv(), metadata=metadata)
    return save_script(path, _Conv(), torch.zeros(batch, 3, *size), metadata=metadata)


def detector(path: Path, *, classes: int = 3, size: int = 64, metadata=None) -> Path:
    return save_script(path, _Detector(4 + classes), torch.zeros(1, 3, size, size), metadata=metadata)


def classifier(path: Path, *, classes: int = 5, metadata=None) -> Path:
    return save_script(path, _Classifier(classes), metadata=metadata)


def typed(path: Path, dtype: str) -> Path:
    return save_script(path, _Mean(), torch.zeros(1, 3, 8, 8, dtype=_TYPES[dtype]))


def two_inputs(path: Path) -> Path:
    return save_script(path, _Sum(), torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))


def vector_input(path: Path) -> Path:
    return save_script(path, _Relu(), torch.zeros(1, 32))


def exported_detector(path: Path, *, metadata=None) -> Path:
    """A torch.export program (.pt2)."""
    program = torch.export.export(_Detector(7), (torch.zeros(1, 3, 64, 64),))
    torch.export.save(program, str(path), extra_files=metadata or {})
    return path


def reference_batch(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((1, 3, 64, 64), np.float32)


class _Layer(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        pass


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    _Layer = torch.jit.interface(_Layer)


class _FileLayer(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + torch.from_file("/etc/hostname", False, 1)


class Hiding(torch.nn.Module):
    """Reads a file behind an interface."""

    layer: _Layer

    def __init__(self) -> None:
        super().__init__()
        self.layer = _FileLayer()

    def forward(self, image):
        return self.layer.forward(image)


def _read_later(image: torch.Tensor) -> torch.Tensor:
    return image + torch.from_file("/etc/hostname", False, 1)


class Forking(torch.nn.Module):
    """Reads a file in a forked task."""

    def forward(self, image):
        return torch.jit.wait(torch.jit.fork(_read_later, image))
