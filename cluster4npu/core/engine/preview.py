"""The preview area: one small shared picture, written by the manager only when the app has asked for it."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.engine import shm
from cluster4npu.core.engine.messages import WantPreview

AREA_BYTES = 1280 * 960 * 3


class PreviewArea:
    """A picture of at most AREA_BYTES. The manager writes it after a wish, the app reads it before the next wish."""

    def __init__(self, block: shm.SharedBlock) -> None:
        self._block = block
        self.name = block.name
        self._pixels: np.ndarray = np.frombuffer(block.memory, np.uint8)

    @classmethod
    def create(cls) -> PreviewArea:
        return cls(shm.create("view", AREA_BYTES))

    @classmethod
    def attach(cls, name: str) -> PreviewArea:
        return cls(shm.attach(name, AREA_BYTES))

    def write(self, image: np.ndarray, wish: WantPreview) -> tuple[int, int, float]:
        """Put `image` (H x W x 3 uint8) there, made smaller if it must; return height, width and scale."""
        import cv2

        height, width = image.shape[:2]
        scale = min(1.0, wish.max_width / width, wish.max_height / height)
        scale = min(scale, (AREA_BYTES / (height * width * 3)) ** 0.5)
        new_height, new_width = max(1, int(height * scale)), max(1, int(width * scale))
        target = self._view(new_height, new_width)
        if scale < 1.0:
            cv2.resize(image, (new_width, new_height), dst=target, interpolation=cv2.INTER_LINEAR)
        else:
            np.copyto(target, image)
        return new_height, new_width, new_width / width

    def read(self, height: int, width: int) -> np.ndarray:
        """Return a copy of the picture."""
        return self._view(height, width).copy()

    def _view(self, height: int, width: int) -> np.ndarray:
        return self._pixels[: height * width * 3].reshape(height, width, 3)

    def unlink(self) -> None:
        """Remove the name; what is mapped stays valid."""
        self._block.unlink()
