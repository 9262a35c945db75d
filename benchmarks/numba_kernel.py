"""Would a kernel compiled by Numba prepare frames faster than OpenCV's resize, split and tables? In turn, ms a frame.

    python -m benchmarks.numba_kernel [--turns 5] [--frames 200]

A frame of 1080p becomes 1 x 3 x 640 x 640 float32, letterboxed, RGB, divided by 255, on one thread each. "fused": one
kernel resizes (two by two pixels weighted, as OpenCV does) and converts; "after resize": OpenCV resizes and a kernel
converts. Numba is no dependency of the program: where it is not installed that is said, and nothing is measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.common import machine, median, tell
from cluster4npu.core.vision.letterbox import Letterbox, place

FRAME, MODEL = (1080, 1920), (640, 640)
PAYS = 1.1  # times as fast: less is not worth a compiler


def kernels() -> tuple[Any, Any]:
    """Return the compiled kernels: fused, and the conversion alone."""
    import numba

    @numba.njit(fastmath=True, boundscheck=False)  # type: ignore[untyped-decorator,unused-ignore]
    def fused(frame: Any, out: Any, top: int, left: int, height: int, width: int, table: Any) -> None:
        step_y, step_x = frame.shape[0] / height, frame.shape[1] / width
        for y in range(height):
            at_y = max(0.0, (y + 0.5) * step_y - 0.5)
            y0 = int(at_y)
            y1 = min(y0 + 1, frame.shape[0] - 1)
            wy = np.float32(at_y - y0)
            for x in range(width):
                at_x = max(0.0, (x + 0.5) * step_x - 0.5)
                x0 = int(at_x)
                x1 = min(x0 + 1, frame.shape[1] - 1)
                wx = np.float32(at_x - x0)
                for c in range(3):
                    above = frame[y0, x0, c] * (1 - wx) + frame[y0, x1, c] * wx
                    below = frame[y1, x0, c] * (1 - wx) + frame[y1, x1, c] * wx
                    out[0, 2 - c, top + y, left + x] = table[int(above * (1 - wy) + below * wy + 0.5)]

    @numba.njit(fastmath=True, boundscheck=False)  # type: ignore[untyped-decorator,unused-ignore]
    def convert(part: Any, out: Any, top: int, left: int, table: Any) -> None:
        for y in range(part.shape[0]):
            for c in range(3):
                for x in range(part.shape[1]):
                    out[0, 2 - c, top + y, left + x] = table[part[y, x, c]]

    return fused, convert


def ways(frame: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """Return what prepares the frame, by name; each has computed it once, so that it is compiled."""
    import cv2

    fused, convert = kernels()
    letterbox = Letterbox(MODEL)
    placed = place("letterbox", FRAME, MODEL)
    table = (np.arange(256) / 255).astype(np.float32)
    out = np.full((1, 3, *MODEL), table[114], np.float32)
    resized = np.empty((placed.height, placed.width, 3), np.uint8)

    def by_opencv() -> np.ndarray:
        return letterbox(frame)[0]

    def by_fused() -> np.ndarray:
        fused(frame, out, placed.top, placed.left, placed.height, placed.width, table)
        return out

    def by_convert() -> np.ndarray:
        cv2.resize(frame, (placed.width, placed.height), dst=resized)
        convert(resized, out, placed.top, placed.left, table)
        return out

    found = {"OpenCV": by_opencv, "fused": by_fused, "after resize": by_convert}
    wanted = by_opencv().copy()
    for name, way in found.items():
        worst = np.abs(way() - wanted).max() * 255
        assert worst <= 2, f"{name} differs by {worst:.1f} of 255"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--frames", type=int, default=200)
    given = parser.parse_args()
    print(f"# {machine()}; {given.turns} turns")
    if importlib.util.find_spec("numba") is None:
        print(json.dumps({"figure": "Numba", "value": "not reported", "reason": "not installed"}))
        return 0
    import cv2

    cv2.setNumThreads(1)
    frame = np.random.default_rng(1).integers(0, 256, (*FRAME, 3), np.uint8)
    times: dict[str, list[float]] = {}
    for _ in range(given.turns):
        for name, way in ways(frame).items():
            begun = time.perf_counter()
            for _ in range(given.frames):
                way()
            times.setdefault(name, []).append((time.perf_counter() - begun) / given.frames * 1e3)
    ms = {name: round(median(found), 2) for name, found in times.items()}
    for name in ("fused", "after resize"):
        ratios = [a / b for a, b in zip(times["OpenCV"], times[name], strict=True)]
        tell(f"OpenCV's time of Numba's, {name}", median(ratios), PAYS, ms=ms)
    return 0  # either way: it says whether Numba would pay


if __name__ == "__main__":
    raise SystemExit(main())
