"""Makes assets/looking_away.mp4: scikit-image's portrait in front of a camera, coming, turning away and leaving.

python examples/looking_away_clip.py assets/looking_away.mp4      (needs `pip install 'cluster4npu[vision]'`)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import skimage.data

FRAME_MS = 30
HEIGHT, WIDTH = 320, 400
END_S, COMES_S, LOOKS_AWAY_S, LOOKS_BACK_S, LEAVES_S = 21.0, 4.0, 8.0, 16.0, 18.0
TURNED_DEG = 50.0
_SWAY_S = 3.0  # one swing of the head from side to side
_NOSE_X, _LEFT_EDGE, _GONE_PX = 225.0, 60.0, 600.0
_TURN_S = 0.5


def frames() -> Iterator[np.ndarray]:
    """Yield the frames (HEIGHT x WIDTH x 3 uint8, BGR)."""
    portrait = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR)
    # Dim and flat, as from a cheap camera, so that there is something to stretch.
    portrait = (portrait * 0.55 + 40).astype(np.uint8)
    for number in range(round(END_S * 1000 / FRAME_MS)):
        yield _draw(portrait, *_pose(number * FRAME_MS / 1000))


def _pose(at_s: float) -> tuple[float, float, float]:
    """Return the head's place (pixels from the middle, right and down) and its turn in degrees."""
    if not COMES_S <= at_s < LEAVES_S:
        return _GONE_PX, 0.0, 0.0
    swing = float(np.sin(2 * np.pi * (at_s % _SWAY_S) / _SWAY_S))
    turn = min(1.0, max(0.0, (at_s - LOOKS_AWAY_S) / _TURN_S))
    turn = min(turn, max(0.0, 1 - (at_s - LOOKS_BACK_S) / _TURN_S))
    return 15 + 15 * swing, 4 * swing, TURNED_DEG * turn


def _draw(portrait: np.ndarray, right: float, down: float, turn_deg: float) -> np.ndarray:
    narrower = float(np.cos(np.radians(turn_deg)))
    left = (1 - narrower) * _NOSE_X + right - _LEFT_EDGE
    moved = np.array([[narrower, 0, left], [0, 1, down]], np.float32)
    return cv2.warpAffine(portrait, moved, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)


def main(path: Path) -> None:
    """Write the clip as MPEG-4."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 1000 / FRAME_MS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise RuntimeError(f"cannot write {path}")
    for frame in frames():
        writer.write(frame)
    writer.release()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
