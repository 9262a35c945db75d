"""What live sources share: frames that come when they come, and a clear word when they no longer do."""

from __future__ import annotations

import time

import numpy as np

from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.nodes.base import FrameInfo, FrameSpec
from cluster4npu.core.vision.capture import Capture


class LiveSource:
    """An opened live capture. `lost` is the problem to report when no more frames come."""

    def __init__(self, capture: Capture, lost: Problem) -> None:
        """Take over `capture`, whose first frame must have been grabbed."""
        self.spec = FrameSpec(capture.height, capture.width, capture.fps, None)
        self._capture = capture
        self._lost = lost
        self._first_waits = True
        self._start_s = time.monotonic()

    def read_into(self, slot: np.ndarray) -> FrameInfo | None:
        """Wait for the next frame and decode it into `slot`. Raises RunFailed when the stream ends or grows."""
        if not self._first_waits and not self._capture.grab():
            raise RunFailed(self._lost)
        self._first_waits = False
        stream_ms = (time.monotonic() - self._start_s) * 1e3
        try:
            size = self._capture.retrieve_into(slot)
        except ValueError as error:
            raise RunFailed(
                Problem(
                    "the frames become larger than at the start",
                    node=self._lost.node,
                    field=self._lost.field,
                    found=str(error),
                    allowed=f"at most {self.spec.width} x {self.spec.height} pixels",
                    hint="Start the run again.",
                )
            ) from error
        if size is None:
            raise RunFailed(self._lost)
        return FrameInfo(size[0], size[1], stream_ms)

    def rewind(self) -> None:
        """Do nothing: what is past is past."""

    def close(self) -> None:
        self._capture.close()


def ready(capture: Capture) -> bool:
    """Tell whether a capture is open and its first frame has come."""
    return capture.opened and capture.height > 0 and capture.width > 0 and capture.grab()
