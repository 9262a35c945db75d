"""Synthetic scenes of handwritten digits: glyphs, textures, composition and true boxes.

The digits are the real 8x8 scans of scikit-learn's ``load_digits``; everything around them is procedural.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

Image = NDArray[np.uint8]
Boxes = NDArray[np.float32]  # [n, 5]: x1, y1, x2, y2, class

CLASSES = tuple(str(digit) for digit in range(10))
WIDTH, HEIGHT = 640, 480
NETWORK_SIZE = 320
PAD_GREY = 114
TRAIN_IMAGES = 1400
SPLIT_SEED = 2024
TILE = 8  # side of a scan, in its own pixels
MARGIN = 1  # empty pixels kept around a scan, so that interpolation never cuts ink
INK_SOFT, INK_FULL = 0.27, 0.72  # scan values mapped to alpha 0 and alpha 1
INK_VISIBLE = 0.4  # alpha from which a pixel counts as ink for the true box


@dataclass(frozen=True)
class Glyph:
    """One scanned digit: its alpha at several resolutions, and the outline of its ink.

    ``outline`` holds points in tile units, the scan being the square from (-0.5, -0.5) to (0.5, 0.5).
    """

    label: int
    mipmaps: tuple[NDArray[np.float32], ...]
    outline: NDArray[np.float32]


def make_glyph(scan: NDArray[np.float64], label: int) -> Glyph:
    """Upscale an 8x8 scan (values 0..16) to a smooth alpha and find the hull of its visible ink."""
    padded = np.pad(scan / 16.0, MARGIN).astype(np.float32)
    side = TILE + 2 * MARGIN
    large = cv2.resize(padded, (side * 10, side * 10), interpolation=cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(large, (0, 0), 3.0)
    alpha = np.clip((large - INK_SOFT) / (INK_FULL - INK_SOFT), 0.0, 1.0).astype(np.float32)
    # Halved copies: drawing a small digit from the large alpha would alias.
    mipmaps = [alpha]
    for _ in range(2):
        half = mipmaps[-1].shape[0] // 2
        mipmaps.append(cv2.resize(mipmaps[-1], (half, half), interpolation=cv2.INTER_AREA))
    rows, columns = np.nonzero(alpha >= INK_VISIBLE)
    corners = np.concatenate([np.stack([columns + dx, rows + dy], 1) for dx in (0, 1) for dy in (0, 1)])
    hull = cv2.convexHull(corners.astype(np.float32))[:, 0]
    return Glyph(label, tuple(mipmaps), (hull / (side * 10) - 0.5) * (side / TILE))


def load_glyphs(held_out: bool) -> list[Glyph]:
    """Load the glyphs of one side of the fixed split (1,400 scans to train on, 397 held out)."""
    digits = load_digits()
    order = np.random.default_rng(SPLIT_SEED).permutation(len(digits.images))
    chosen = order[TRAIN_IMAGES:] if held_out else order[:TRAIN_IMAGES]
    return [make_glyph(digits.images[i], int(digits.target[i])) for i in chosen]


@dataclass
class Placement:
    """Where and how one glyph is drawn: centre and tile size in pixels, angle in radians, RGB colour."""

    glyph: Glyph
    x: float
    y: float
    size: float
    colour: tuple[float, float, float]
    angle: float = 0.0
    stretch: float = 1.0
    shear: float = 0.0

    def matrix(self) -> NDArray[np.float64]:
        """Return the 2x3 map from tile units to scene pixels."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        shape = np.array([[self.stretch, self.shear], [0.0, 1.0]]) * self.size
        return np.column_stack([np.array([[cos, -sin], [sin, cos]]) @ shape, [self.x, self.y]])

    def box(self) -> tuple[float, float, float, float]:
        """Return the tight box x1, y1, x2, y2 around the visible ink."""
        matrix = self.matrix()
        points = self.glyph.outline @ matrix[:, :2].T + matrix[:, 2]
        (x1, y1), (x2, y2) = points.min(0), points.max(0)
        return float(x1), float(y1), float(x2), float(y2)

    def draw(self, image: Image) -> None:
        """Blend the glyph into the image, in place."""
        height, width = image.shape[:2]
        x1, y1, x2, y2 = self.box()
        fringe = max(2.0, self.size * 0.08)  # the soft edge reaches a little outside the box
        left, top = max(int(x1 - fringe), 0), max(int(y1 - fringe), 0)
        right, bottom = min(int(x2 + fringe) + 1, width), min(int(y2 + fringe) + 1, height)
        if right <= left or bottom <= top:
            return
        extent = (TILE + 2 * MARGIN) / TILE  # side of the padded scan, in tile units
        large = [mipmap for mipmap in self.glyph.mipmaps if len(mipmap) >= self.size * extent]
        source = large[-1] if large else self.glyph.mipmaps[0]
        # Source pixel -> tile unit -> scene pixel; pixel centres lie at half-integers.
        step = extent / len(source)
        shift = (step - extent) / 2
        matrix = self.matrix() @ np.array([[step, 0, shift], [0, step, shift], [0, 0, 1]])
        matrix[:, 2] -= (left + 0.5, top + 0.5)
        alpha = cv2.warpAffine(source, matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
        patch = image[top:bottom, left:right]
        patch[:] = patch + (np.asarray(self.colour, np.float32) - patch) * alpha[..., None] + 0.5


def noise_field(
    rng: np.random.Generator, shape: tuple[int, int], coarsest: int, octaves: int
) -> NDArray[np.float32]:
    """Return multi-octave value noise as 0..1; ``coarsest`` is the cell of the first octave in pixels."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        cell = max(coarsest >> octave, 1)
        grid = rng.random((height // cell + 3, width // cell + 3), dtype=np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    return (total - total.min()) / (np.ptp(total) + 1e-6)


def texture_field(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return one of the procedural textures as a field of 0..1."""
    height, width = shape
    kind = rng.choice(["noise", "gradient", "stripes", "checker", "blobs"])
    if kind == "noise":
        return noise_field(rng, shape, int(2 ** rng.uniform(3, 8)), int(rng.integers(1, 5)))
    angle, period = rng.uniform(0, np.pi), 2 ** rng.uniform(3.5, 7.5)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    if kind == "gradient":
        return ((along - along.min()) / np.ptp(along)).astype(np.float32)
    if kind == "stripes":
        sharpness = rng.uniform(0.6, 6.0)
        return np.clip(0.5 + 0.5 * sharpness * np.sin(2 * np.pi * along / period), 0, 1).astype(np.float32)
    if kind == "checker":
        return ((np.floor(along / period) + np.floor(across / period)) % 2).astype(np.float32)
    blobs = np.zeros(shape, np.float32)
    for _ in range(rng.integers(6, 30)):
        cx, cy, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(15, 90)
        blobs += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / radius**2)
    return np.clip(blobs, 0, 1)


def colourise(rng: np.random.Generator, texture: NDArray[np.float32], contrast: float) -> Image:
    """Blend two colours, at most ``contrast`` apart per channel, along a 0..1 texture."""
    first = rng.uniform(20, 235, 3)
    second = np.clip(first + rng.uniform(-contrast, contrast, 3), 0, 255)
    return (first + (second - first) * texture[..., None]).astype(np.uint8)


def draw_clutter(rng: np.random.Generator, image: Image) -> None:
    """Draw a few shapes that are no digits: long lines, polygons, crosses, filled ellipses and dots."""
    height, width = image.shape[:2]
    for _ in range(rng.integers(2, 9)):
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        centre = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        x, y = int(centre[0]), int(centre[1])
        radius, thickness = rng.uniform(8, 50), int(rng.integers(1, 8))
        kind = rng.choice(["line", "polygon", "cross", "ellipse", "dots"])
        if kind == "line":
            turn = rng.uniform(0, np.pi)
            reach = np.array([np.cos(turn), np.sin(turn)]) * rng.uniform(120, 400)
            ends = np.round([centre - reach, centre + reach]).astype(int)
            cv2.line(image, ends[0].tolist(), ends[1].tolist(), colour, thickness, cv2.LINE_AA)
        elif kind == "polygon":
            start, corners = rng.uniform(0, 2 * np.pi), int(rng.integers(3, 7))
            turns = start + np.arange(corners) * 2 * np.pi / corners
            points = np.round(centre + radius * np.stack([np.cos(turns), np.sin(turns)], 1)).astype(np.int32)
            if rng.random() < 0.5:
                cv2.fillPoly(image, [points], colour, cv2.LINE_AA)
            else:
                cv2.polylines(image, [points], True, colour, min(thickness, 4), cv2.LINE_AA)
        elif kind == "cross":
            reach = int(radius)
            cv2.line(image, (x - reach, y), (x + reach, y), colour, thickness, cv2.LINE_AA)
            cv2.line(image, (x, y - reach), (x, y + reach), colour, thickness, cv2.LINE_AA)
        elif kind == "ellipse":
            axes = (int(radius), int(radius * rng.uniform(0.3, 1)))
            cv2.ellipse(image, (x, y), axes, rng.uniform(0, 180), 0, 360, colour, -1)
        else:
            for dx, dy in rng.normal(0, radius, (12, 2)):
                cv2.circle(
                    image, (int(x + dx), int(y + dy)), int(rng.integers(1, 5)), colour, -1, cv2.LINE_AA
                )


def contrasting_colour(rng: np.random.Generator, patch: Image) -> tuple[float, float, float]:
    """Pick a black, white, grey or saturated colour that stands out from the brightness of the patch."""
    background = float(patch.mean())
    while True:
        grey = rng.random() < 0.5
        colour = np.repeat(rng.uniform(0, 255), 3) if grey else rng.uniform(0, 255, 3)
        if abs(float(colour.mean()) - background) >= 65:
            return float(colour[0]), float(colour[1]), float(colour[2])


@dataclass
class SceneMaker:
    """Endless random scenes of some glyphs over a pool of textured backgrounds; a seed fixes all of them."""

    glyphs: list[Glyph]
    seed: int
    backgrounds: int = 300
    rng: np.random.Generator = field(init=False)
    pool: list[Image] = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.pool = [self._background() for _ in range(self.backgrounds)]

    def _background(self) -> Image:
        rng, shape = self.rng, (HEIGHT, WIDTH)
        weight = rng.uniform(0.4, 1.0)
        texture = texture_field(rng, shape) * weight + texture_field(rng, shape) * (1 - weight)
        return colourise(rng, texture, rng.uniform(10, 110))

    def _placements(self, image: Image) -> list[Placement]:
        """Scatter digits whose tiles hardly touch each other."""
        rng, chosen, circles = self.rng, [], []
        for _ in range(rng.integers(4, 13)):
            size = float(24 * 5 ** rng.random())  # log-uniform over 24..120 px
            reach = 0.62 * size
            x, y = rng.uniform(reach, WIDTH - reach), rng.uniform(reach, HEIGHT - reach)
            if any(np.hypot(x - cx, y - cy) < 0.85 * (reach + other) for cx, cy, other in circles):
                continue
            circles.append((x, y, reach))
            half = int(size / 2)
            patch = image[int(y) - half : int(y) + half, int(x) - half : int(x) + half]
            chosen.append(
                Placement(
                    glyph=self.glyphs[rng.integers(len(self.glyphs))],
                    x=x,
                    y=y,
                    size=size,
                    colour=contrasting_colour(rng, patch),
                    angle=np.radians(rng.uniform(-15, 15)),
                    stretch=rng.uniform(0.85, 1.15),
                    shear=rng.uniform(-0.15, 0.15),
                )
            )
        return chosen

    def _degrade(self, image: Image) -> Image:
        """Blur, add sensor noise or compress, each now and then."""
        rng = self.rng
        if rng.random() < 0.3:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.4))
        if rng.random() < 0.25:
            noise = np.empty(image.shape, np.int16)
            cv2.setRNGSeed(int(rng.integers(2**31)))
            cv2.randn(noise, 0, rng.uniform(2, 12))
            image = cv2.add(image, noise, dtype=cv2.CV_8U)
        if rng.random() < 0.15:
            quality = int(rng.integers(35, 95))
            image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)
        return image

    def scene(self) -> tuple[Image, Boxes]:
        """Return the next 640x480 RGB scene and its true boxes."""
        rng = self.rng
        image = cv2.flip(self.pool[rng.integers(len(self.pool))], int(rng.integers(-1, 2)))
        if rng.random() < 0.5:
            draw_clutter(rng, image)
        placements = self._placements(image)
        for placement in placements:
            placement.draw(image)
        boxes = [(*placement.box(), placement.glyph.label) for placement in placements]
        return self._degrade(image), np.array(boxes, np.float32).reshape(-1, 5)


def scenes(count: int, seed: int, *, held_out: bool) -> Iterator[tuple[Image, Boxes]]:
    """Yield scenes with their true boxes; held-out ones have digits (and backgrounds) that training never sees."""
    maker = SceneMaker(load_glyphs(held_out=held_out), seed)
    return (maker.scene() for _ in range(count))


def letterbox(image: Image) -> tuple[Image, float, tuple[int, int]]:
    """Fit an image into the centre of the grey square the network takes; return scale and (left, top) too."""
    height, width = image.shape[:2]
    scale = NETWORK_SIZE / max(height, width)
    fitted = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_LINEAR)
    left, top = (NETWORK_SIZE - fitted.shape[1]) // 2, (NETWORK_SIZE - fitted.shape[0]) // 2
    canvas = np.full((NETWORK_SIZE, NETWORK_SIZE, 3), PAD_GREY, np.uint8)
    canvas[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return canvas, scale, (left, top)
