"""The sample clip: ten held-out digits bouncing over a slowly panning background, with their true boxes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from digits_scene import (
    CLASSES,
    HEIGHT,
    WIDTH,
    Boxes,
    Image,
    Placement,
    colourise,
    contrasting_colour,
    load_glyphs,
    noise_field,
)

ASSETS = Path(__file__).resolve().parent.parent / "assets"
FPS = 30
FRAMES = 270
SEED = 12
PAN = (0.5, 0.25)  # background pixels per frame


def _bounce(placements: list[Placement], velocities: np.ndarray, radii: np.ndarray) -> None:
    """Reflect the digits off the edges and, as discs of equal mass, off each other."""
    for i, digit in enumerate(placements):
        for axis, (place, limit) in enumerate(((digit.x, WIDTH), (digit.y, HEIGHT))):
            if place < radii[i]:
                velocities[i, axis] = abs(velocities[i, axis])
            elif place > limit - radii[i]:
                velocities[i, axis] = -abs(velocities[i, axis])
        for j in range(i):
            gap = np.array([digit.x - placements[j].x, digit.y - placements[j].y])
            distance = float(np.hypot(*gap))
            normal = gap / distance
            closing = float((velocities[i] - velocities[j]) @ normal)
            if distance < radii[i] + radii[j] and closing < 0:
                velocities[i] -= closing * normal
                velocities[j] += closing * normal


def frames() -> Iterator[tuple[Image, Boxes]]:
    """Yield the RGB frames and their true boxes; the seed fixes them all."""
    rng = np.random.default_rng(SEED)
    wide = (HEIGHT + int(PAN[1] * FRAMES) + 2, WIDTH + int(PAN[0] * FRAMES) + 2)
    background = colourise(rng, noise_field(rng, wide, 128, 3), 70)
    glyphs = load_glyphs(held_out=True)
    columns, rows = 5, 2
    placements = []
    for i in range(len(CLASSES)):
        x, y = (i % columns + 0.5) * WIDTH / columns, (i // columns + 0.5) * HEIGHT / rows
        glyph = rng.choice(np.array([g for g in glyphs if g.label == i], dtype=object))
        placements.append(Placement(glyph, x, y, 1.0, contrasting_colour(rng, background)))
    sizes, growth = rng.uniform(46, 86, len(CLASSES)), rng.uniform(0.1, 0.3, len(CLASSES))
    phases = rng.uniform(0, 2 * np.pi, len(CLASSES))
    headings = rng.uniform(0, 2 * np.pi, len(CLASSES))
    velocities = np.stack([np.cos(headings), np.sin(headings)], 1) * rng.uniform(1.2, 2.6, (len(CLASSES), 1))
    for frame in range(FRAMES):
        swing = np.sin(phases + 2 * np.pi * frame / (6 * FPS))
        for i, digit in enumerate(placements):
            digit.size = float(sizes[i] * (1 + growth[i] * swing[i]))
            digit.angle = float(0.15 * swing[i])
            digit.x += float(velocities[i, 0])
            digit.y += float(velocities[i, 1])
        _bounce(placements, velocities, 0.62 * np.array([digit.size for digit in placements]))
        left, top = PAN[0] * frame, PAN[1] * frame
        view = np.array([[1, 0, -left], [0, 1, -top]], np.float32)
        image = cv2.warpAffine(background, view, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
        for digit in placements:
            digit.draw(image)
        yield image, np.array([(*digit.box(), digit.glyph.label) for digit in placements], np.float32)


def write_clip(video: Path, truth: Path) -> None:
    """Write the clip as MPEG-4 and its true boxes as compact JSON."""
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise RuntimeError(f"cannot write {video}")
    listed = []
    for image, boxes in frames():
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        listed.append([[*(round(float(v), 1) for v in box[:4]), int(box[4])] for box in boxes])
    writer.release()
    document = {
        "video": video.name,
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
        "classes": list(CLASSES),
        "frames": listed,
    }
    truth.write_text(json.dumps(document, separators=(",", ":")) + "\n")


def clip_scenes() -> Iterator[tuple[Image, Boxes]]:
    """Yield the decoded frames of the bundled clip with their true boxes."""
    truth = json.loads((ASSETS / "digits.json").read_text())
    capture = cv2.VideoCapture(str(ASSETS / truth["video"]))
    for boxes in truth["frames"]:
        decoded, frame = capture.read()
        if not decoded:
            raise RuntimeError("the clip has fewer frames than its truth")
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.array(boxes, np.float32)
