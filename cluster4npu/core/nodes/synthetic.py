"""The synthetic source: a moving pattern, the same for the same seed, for the price of one copy."""

from __future__ import annotations

import struct
import time
from typing import Literal

import numpy as np

from cluster4npu.core.nodes.base import FrameInfo, FrameSpec, Port, PortType, SourceNode, SourceParams, param

_TILE = 8  # pixels along the edge of one tile of the pattern
_PERIOD = 64  # rows after which the pattern repeats, so that it can scroll without a seam
_STEP = 2  # rows a frame
_BAND = 8  # rows of the band that makes each frame differ from its neighbours
STAMP = struct.Struct("<q")


class Synthetic(SourceNode):
    """Makes frames without any input: for trying devices, policies and transport."""

    type = "synthetic"
    title = "Synthetic"
    category = "Sources"
    description = "Makes a moving pattern: for trying devices and policies without any file."
    outputs = (Port("frame", (PortType.FRAME,)),)

    class Params(SourceParams):
        width: int = param(640, title="Width", description="Width of a frame.", unit="px", ge=16, le=8192)
        height: int = param(480, title="Height", description="Height of a frame.", unit="px", ge=16, le=8192)
        fps: float | None = param(
            None,
            title="Rate",
            description="Frames made a second; empty: as many as are wanted.",
            unit="frames/s",
            ge=1,
            le=10_000,
        )
        frames: int | None = param(
            None,
            title="Frames",
            description="How many frames there are; empty or 0: no end.",
            unit="frames",
            ge=0,
            le=1_000_000_000,
        )
        pattern: Literal["moving", "stamp"] = param(
            "moving",
            title="Pattern",
            description="stamp: only a number is written into each frame, at both ends; what handing it over costs.",
            advanced=True,
        )
        loop: bool = param(False, title="Loop", description="Start again at the first frame after the last.")
        seed: int = param(0, title="Seed", description="Another seed is another pattern.", ge=0, le=2**32 - 1)

    @property
    def may_block(self) -> bool:  # type: ignore[override]
        """Tell whether reading waits: only for the time of the next frame, when a rate is asked for."""
        return self.params.fps is not None

    def open(self) -> SyntheticSource | StampSource:
        p = self.params
        if p.pattern == "stamp":
            return StampSource(p.height, p.width, p.fps, p.frames or None)
        return SyntheticSource(p.height, p.width, p.fps, p.frames or None, p.seed)


class Pace:
    """Holds a source to its rate: frame n is due n / fps seconds after the first."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._start_s: float | None = None

    def wait(self, index: int) -> float:
        """Sleep until this frame is due; return its time in the stream in ms."""
        now = time.monotonic()
        if self._start_s is None:
            self._start_s = now - index / self._fps
        left = self._start_s + index / self._fps - now
        if left > 0:
            time.sleep(left)
        return index * 1e3 / self._fps

    def restart(self) -> None:
        """Count from the next frame."""
        self._start_s = None


class StampSource:
    """Frames that are produced where they are read: each has its number in its first and in its last 8 bytes.

    The rest is what the slot held before. `sim:NAME?ms=0&check=true` compares both ends.
    """

    def __init__(self, height: int, width: int, fps: float | None, frames: int | None) -> None:
        self.spec = FrameSpec(height, width, fps, frames)
        self._pace = None if fps is None else Pace(fps)
        self._info = FrameInfo(height, width)
        self._last = self.spec.nbytes - STAMP.size
        self._frames = frames
        self._index = 0

    def read_into(self, slot: np.ndarray) -> FrameInfo | None:
        """Write the next number into `slot`; None after the last frame."""
        index = self._index
        if index == self._frames:
            return None
        info = self._info
        if self._pace is not None:
            info = FrameInfo(info.height, info.width, self._pace.wait(index))
        pixels = slot.data
        STAMP.pack_into(pixels, 0, index)
        STAMP.pack_into(pixels, self._last, index)
        self._index = index + 1
        return info

    def rewind(self) -> None:
        self._index = 0
        if self._pace is not None:
            self._pace.restart()

    def close(self) -> None:
        """Nothing is held."""


class SyntheticSource:
    """The pattern, rendered once, taller than a frame: each frame is one contiguous piece of it and a band."""

    def __init__(self, height: int, width: int, fps: float | None, frames: int | None, seed: int) -> None:
        self.spec = FrameSpec(height, width, fps, frames)
        rng = np.random.default_rng(seed)
        tiles = rng.integers(0, 256, (_PERIOD // _TILE, -(-width // _TILE), 3), dtype=np.uint8)
        period = tiles.repeat(_TILE, axis=0).repeat(_TILE, axis=1)[:, :width]
        repeats = -(-(height + _PERIOD) // _PERIOD)
        self._pattern = np.tile(period, (repeats, 1, 1)).reshape(-1)
        self._colors = rng.integers(0, 256, (256, 3), dtype=np.uint8)
        self._row = width * 3
        self._band_color = -1
        self._band: np.ndarray = np.empty(0, np.uint8)
        self._index = 0
        self._pace = None if fps is None else Pace(fps)

    def read_into(self, slot: np.ndarray) -> FrameInfo | None:
        """Make the next frame in `slot`; None after the last one."""
        spec, index = self.spec, self._index
        if spec.frames is not None and index >= spec.frames:
            return None
        stream_ms = None if self._pace is None else self._pace.wait(index)
        offset = (index * _STEP) % _PERIOD * self._row
        slot[: spec.nbytes] = self._pattern[offset : offset + spec.nbytes]
        self._draw_band(slot, index)
        self._index += 1
        return FrameInfo(spec.height, spec.width, stream_ms)

    def skip(self) -> bool:
        """Go past the next frame; False after the last one."""
        if self.spec.frames is not None and self._index >= self.spec.frames:
            return False
        self._index += 1
        return True

    def rewind(self) -> None:
        self._index = 0
        if self._pace is not None:
            self._pace.restart()

    def close(self) -> None:
        """Nothing is held."""

    def _draw_band(self, slot: np.ndarray, index: int) -> None:
        places = max(1, self.spec.height // _BAND)
        start = index % places * _BAND * self._row
        color = (index // places) % 256
        if color != self._band_color:  # painted once for all its places: a frame costs copies only
            self._band_color = color
            self._band = np.tile(self._colors[color], _BAND * self.spec.width)
        band = slot[start : min(start + self._band.size, self.spec.nbytes)]
        band[:] = self._band[: band.size]
