"""The clip: scikit-image's portrait in front of a camera, coming, swaying, turning away and leaving."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import skimage.data

FRAME_MS = 30
HEIGHT, WIDTH = 320, 400
TURNED_DEG = 50.0
_SWAY_S = 3.0  # one swing of the head from side to side
_NOSE_X, _LEFT_EDGE, _GONE_PX = 225.0, 60.0, 600.0
_TURN_S = 0.5


@dataclass(frozen=True)
class Story:
    """When, in seconds, the viewer comes, looks away, looks back and leaves."""

    comes: float
    looks_away: float
    looks_back: float = float("inf")
    leaves: float = float("inf")


class Clip:
    """Frames of a story, as 8-bit grey pictures (HEIGHT, WIDTH); each is drawn only once."""

    def __init__(self, story: Story) -> None:
        portrait = skimage.data.astronaut()
        # Dim and flat, as from a cheap camera, so that there is something to stretch.
        self._portrait = (cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY) * 0.55 + 40).astype(np.uint8)
        self._story = story
        self._drawn: dict[tuple[float, float, float], np.ndarray] = {}

    def draw_all(self, seconds: float) -> None:
        """Draw the frames of so many seconds, so that reading them costs nothing."""
        for number in range(int(seconds * 1000 / FRAME_MS) + 1):
            self.frame(number)

    def frame(self, number: int) -> np.ndarray:
        """Return the frame of that number."""
        pose = self._pose(number * FRAME_MS / 1000)
        if pose not in self._drawn:
            self._drawn[pose] = self._draw(*pose)
        return self._drawn[pose]

    def _pose(self, at_s: float) -> tuple[float, float, float]:
        """Return the head's place (pixels from the middle, right and down) and its turn in degrees."""
        story = self._story
        if not story.comes <= at_s < story.leaves:
            return _GONE_PX, 0.0, 0.0
        swing = np.sin(2 * np.pi * (at_s % _SWAY_S) / _SWAY_S)
        turn = min(1.0, max(0.0, (at_s - story.looks_away) / _TURN_S))
        turn = min(turn, max(0.0, 1 - (at_s - story.looks_back) / _TURN_S))
        return round(15 + 15 * swing, 2), round(4 * swing, 2), round(TURNED_DEG * turn, 1)

    def _draw(self, right: float, down: float, turn_deg: float) -> np.ndarray:
        narrower = np.cos(np.radians(turn_deg))
        left = (1 - narrower) * _NOSE_X + right - _LEFT_EDGE
        moved = np.array([[narrower, 0, left], [0, 1, down]], np.float32)
        return cv2.warpAffine(self._portrait, moved, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
