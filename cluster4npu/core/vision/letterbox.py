"""Bringing a frame to a model's input: letterbox, stretch or centre crop, then 1 x 3 x H x W."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cluster4npu.core.nodes.values import Geometry

Fit = Literal["letterbox", "stretch", "center_crop"]
DTYPES = ("float32", "float16", "uint8")


@dataclass(frozen=True, slots=True)
class Placement:
    """Which part of the frame goes where in the model's input. Pixels; rows before columns.

    The frame's `crop_*` rectangle is resized to `height` x `width` and put at `top`, `left`.
    """

    crop_top: int
    crop_left: int
    crop_height: int
    crop_width: int
    top: int
    left: int
    height: int
    width: int
    geometry: Geometry


def place(fit: Fit, frame: tuple[int, int], model: tuple[int, int]) -> Placement:
    """Settle where a frame (height, width) goes in a model's input (height, width).

    "letterbox" keeps the aspect ratio and pads evenly, as Ultralytics does it; "center_crop" keeps it and cuts
    off what does not fit; "stretch" keeps neither margin nor ratio.
    """
    frame_height, frame_width = frame
    height, width = model
    crop_top = crop_left = top = left = 0
    crop_height, crop_width = frame
    if fit == "letterbox":
        scale = min(height / frame_height, width / frame_width)
        height, width = max(1, round(frame_height * scale)), max(1, round(frame_width * scale))
        top, left = (model[0] - height) // 2, (model[1] - width) // 2
    elif fit == "center_crop":
        scale = max(height / frame_height, width / frame_width)
        crop_height = min(frame_height, max(1, round(height / scale)))
        crop_width = min(frame_width, max(1, round(width / scale)))
        crop_top, crop_left = (frame_height - crop_height) // 2, (frame_width - crop_width) // 2
    scale_x, scale_y = width / crop_width, height / crop_height
    geometry = Geometry(
        scale_x=scale_x,
        scale_y=scale_y,
        pad_x=left - crop_left * scale_x,
        pad_y=top - crop_top * scale_y,
        frame_height=frame_height,
        frame_width=frame_width,
    )
    return Placement(crop_top, crop_left, crop_height, crop_width, top, left, height, width, geometry)


class Letterbox:
    """Fits frames of any size into one input array, which is made once and used again for every frame.

    A pixel `v` becomes `(v * scale - mean[c]) / std[c]` in the channel order of the model (`rgb` or `bgr`);
    models that take uint8 get the pixel itself. Border pixels have the value `pad_value` before that.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        fit: Fit = "letterbox",
        dtype: str = "float32",
        color: str = "rgb",
        scale: float = 1 / 255,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        pad_value: int = 114,
    ) -> None:
        import cv2

        self._cv2 = cv2
        self._size = size
        self._fit = fit
        self._tables = _tables(dtype, scale, mean, std)
        # Where there is nothing to add, multiplying takes less than half the time of looking a table up.
        plain = dtype == "float32" and not any(mean) and scale > 0
        self._factors = [np.float32(scale / s) for s in std] if plain else []
        # Frames are BGR: which plane of the frame the model's channel c is.
        self._planes = (2, 1, 0) if color == "rgb" else (0, 1, 2)
        self._pad_value = pad_value
        self.output = np.empty((1, 3, *size), dtype)
        # OpenCV looks tables up by the size of their entries; it need not know half floats.
        self._target = self.output.view(np.uint16) if dtype == "float16" else self.output
        self._placement: Placement | None = None
        self._resized: np.ndarray = np.empty(0, np.uint8)
        self._split: list[np.ndarray] = []

    def __call__(self, frame: np.ndarray) -> tuple[np.ndarray, Geometry]:
        """Fit `frame` (H x W x 3 uint8, BGR) and return (1 x 3 x H x W, geometry).

        The array is borrowed until the next call.
        """
        placed = self._placement
        if placed is None or (placed.geometry.frame_height, placed.geometry.frame_width) != frame.shape[:2]:
            placed = self._prepare(frame.shape[0], frame.shape[1])
        cv2 = self._cv2
        part = frame[
            placed.crop_top : placed.crop_top + placed.crop_height,
            placed.crop_left : placed.crop_left + placed.crop_width,
        ]
        if part.shape[:2] != (placed.height, placed.width):
            part = cv2.resize(part, (placed.width, placed.height), dst=self._resized)
        cv2.split(part, self._split)
        for channel, plane in enumerate(self._planes):
            inner = self._inner(channel, placed)
            if self._factors:
                np.multiply(self._split[plane], self._factors[channel], out=inner)
            else:
                cv2.LUT(self._split[plane], self._tables[channel], inner)
        return self.output, placed.geometry

    def _prepare(self, height: int, width: int) -> Placement:
        """Settle a new frame size: the border is written here, once, and never touched again."""
        placed = self._placement = place(self._fit, (height, width), self._size)
        self._resized = np.empty((placed.height, placed.width, 3), np.uint8)
        self._split = [np.empty((placed.height, placed.width), np.uint8) for _ in range(3)]
        for channel in range(3):
            self._target[0, channel] = self._tables[channel][0, self._pad_value]
        return placed

    def _inner(self, channel: int, placed: Placement) -> np.ndarray:
        rows = slice(placed.top, placed.top + placed.height)
        return self._target[0, channel, rows, placed.left : placed.left + placed.width]


def _tables(dtype: str, scale: float, mean: Sequence[float], std: Sequence[float]) -> list[np.ndarray]:
    """Return, for each of the model's channels, what each of the 256 pixel values becomes (1 x 256)."""
    pixels = np.arange(256, dtype=np.float64)
    if dtype == "uint8":
        return [pixels.astype(np.uint8).reshape(1, 256)] * 3
    tables = [
        ((pixels * scale - m) / s).astype(dtype).reshape(1, 256) for m, s in zip(mean, std, strict=True)
    ]
    return [table.view(np.uint16) for table in tables] if dtype == "float16" else tables
