"""OpenCV captures that decode straight into a slot, and OpenCV kept from writing to the terminal."""

from __future__ import annotations

import math
import os
from types import ModuleType
from typing import Any

import numpy as np


def quiet_cv2() -> ModuleType:
    """Import OpenCV so that it and its FFmpeg say nothing on stderr: what matters comes as an error of ours.

    Both read these variables when they are first used in a process; what the user has set stays.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_VIDEOIO_DEBUG", "0")
    import cv2

    if os.environ["OPENCV_LOG_LEVEL"] == "SILENT":
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def redact_url(text: str) -> str:
    """Return a URL, or what was meant to be one, without user, password, and anything like `password=` behind it.

    When in doubt too much is left out: a message needs the address, never the secret.
    """
    before, at, rest = text.rpartition("@")
    scheme, mark, _ = (before if at else rest).partition("://")
    if not at:
        rest = rest.partition("://")[2] if mark else rest
    host, slash, path = rest.partition("/")
    if "=" in path or "?" in path:
        path = "..."
    return (scheme + mark if mark else "") + ("***@" if at else "") + host.partition("?")[0] + slash + path


class Capture:
    """One opened capture. Frames come in two steps: `grab` decodes, `retrieve_into` converts into the slot.

    `threads` is the number of FFmpeg's decoding threads; 0 leaves it to FFmpeg, which takes one per core.
    """

    def __init__(
        self,
        target: str | int,
        *,
        ffmpeg: bool,
        open_timeout_ms: int = 0,
        read_timeout_ms: int = 0,
        threads: int = 0,
    ) -> None:
        cv2 = quiet_cv2()
        options: list[int] = []
        if open_timeout_ms:
            options += [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, open_timeout_ms]
        if read_timeout_ms:
            options += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, read_timeout_ms]
        if threads:
            options += [cv2.CAP_PROP_N_THREADS, threads]
        api = cv2.CAP_FFMPEG if ffmpeg else cv2.CAP_ANY
        self._cv2 = cv2
        self._handle: Any = cv2.VideoCapture(target, api, options)
        self.opened = bool(self._handle.isOpened())
        self.height = self._number(cv2.CAP_PROP_FRAME_HEIGHT)
        self.width = self._number(cv2.CAP_PROP_FRAME_WIDTH)
        self.frames = self._number(cv2.CAP_PROP_FRAME_COUNT)
        self.fps = self._rate()

    def grab(self) -> bool:
        """Decode the next frame; False at the end, or when the stream is broken (OpenCV does not tell which)."""
        return bool(self._handle.grab())

    def retrieve_into(self, slot: np.ndarray, *, shrink: bool = False) -> tuple[int, int] | None:
        """Put the grabbed frame into the flat `slot` and return (height, width); None when it cannot be had.

        A frame of the announced size is converted in place. One of another size (a stream that changed) is
        copied. One that is larger than the slot is made as much smaller as it must be with `shrink`, else it is
        refused with ValueError.
        """
        pixels = self.height * self.width * 3
        view = slot[:pixels].reshape(self.height, self.width, 3) if pixels <= slot.size else None
        ok, image = self._handle.retrieve(view)
        if not ok or image is None or image.ndim != 3:
            return None
        if view is not None and (image is view or np.shares_memory(image, view)):
            return self.height, self.width
        if image.size > slot.size:
            if not shrink:
                raise ValueError(f"{image.shape[1]} x {image.shape[0]} pixels")
            image = self._shrunk(image, slot.size)
        else:
            self.height, self.width = image.shape[:2]
        slot[: image.size] = image.reshape(-1)
        return int(image.shape[0]), int(image.shape[1])

    def _shrunk(self, image: np.ndarray, room: int) -> np.ndarray:
        """Return a copy that fits into `room` bytes, with the proportions kept."""
        scale = math.sqrt(room / image.size)
        height, width = (max(1, int(size * scale)) for size in image.shape[:2])
        small: np.ndarray = self._cv2.resize(image, (width, height), interpolation=self._cv2.INTER_AREA)
        return small

    def position_ms(self) -> float | None:
        """Return the time of the last frame in the stream, or None."""
        value = float(self._handle.get(self._cv2.CAP_PROP_POS_MSEC))
        return value if value >= 0 else None

    def close(self) -> None:
        """Let go of the file or device; may be called twice."""
        self._handle.release()

    def _number(self, name: int) -> int:
        value = float(self._handle.get(name)) if self.opened else 0.0
        return int(value) if 0 < value < 2**31 else 0

    def _rate(self) -> float | None:
        value = float(self._handle.get(self._cv2.CAP_PROP_FPS)) if self.opened else 0.0
        return value if 0 < value < 10_000 else None
