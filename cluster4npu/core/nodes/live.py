"""What live sources share: frames that come when they come, and a lost stream that is opened again."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.nodes.base import FrameInfo, FrameSpec, SourceNotice, SourceParams, param
from cluster4npu.core.vision.capture import Capture

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0  # between attempts to connect again
_MOST_NOTICES = 100  # that nobody has read yet


class LiveParams(SourceParams):
    """Parameters of every live source."""

    reconnect_s: float = param(
        300.0,
        title="Try again for",
        description="How long a lost stream is opened again and again before the run ends; 0: not at all.",
        unit="s",
        advanced=True,
        ge=0,
        le=31_536_000,
    )


class LiveSource:
    """An opened live capture; one that is lost, or sends nothing any more, is opened again with growing pauses.

    The slots were sized for the first frame: what is larger after that is made to fit, with the proportions kept.
    """

    def __init__(
        self,
        capture: Capture,
        lost: Problem,
        reopen: Callable[[], Capture] | None = None,
        patience_s: float = 0.0,
    ) -> None:
        """Take over `capture`, whose first frame must have been grabbed. `lost`: what is told when all is in vain."""
        self.spec = FrameSpec(capture.height, capture.width, capture.fps, None)
        self.reconnects = 0
        self.notices: deque[SourceNotice] = deque(maxlen=_MOST_NOTICES)
        self._capture = capture
        self._lost, self._reopen, self._patience_s = lost, reopen, patience_s
        self._size = (capture.height, capture.width)
        self._first_waits = True
        self._closed = threading.Event()
        self._start_s = time.monotonic()

    def read_into(self, slot: np.ndarray) -> FrameInfo | None:
        """Wait for the next frame and decode it into `slot`. Raises RunFailed when the stream stays lost."""
        while True:
            if self._first_waits or self._capture.grab():
                self._first_waits = False
                stream_ms = (time.monotonic() - self._start_s) * 1e3
                size = self._capture.retrieve_into(slot, shrink=True)
                if size is not None:
                    self._compare(size)
                    return FrameInfo(size[0], size[1], stream_ms)
            self._connect_again()

    def _compare(self, size: tuple[int, int]) -> None:
        if size != self._size:
            self._size = size
            self.notices.append(SourceNotice("resized", f"the frames are {size[1]} x {size[0]} pixels now"))

    def _connect_again(self) -> None:
        """Open the stream again; raises RunFailed when that takes too long, or is not wanted."""
        self._capture.close()
        if self._reopen is None or self._patience_s <= 0:
            raise RunFailed(self._lost)
        self.notices.append(SourceNotice("lost", self._lost.message))
        lost_s, pause_s = time.monotonic(), FIRST_PAUSE_S
        while time.monotonic() - lost_s < self._patience_s and not self._closed.wait(pause_s):
            capture = self._reopen()
            if ready(capture):
                self._capture, self._first_waits = capture, True
                self.reconnects += 1
                self.notices.append(
                    SourceNotice("back", f"connected again after {time.monotonic() - lost_s:.1f} s")
                )
                return
            capture.close()
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        raise RunFailed(self._lost)

    def rewind(self) -> None:
        """Do nothing: what is past is past."""

    def close(self) -> None:
        self._closed.set()
        self._capture.close()


def ready(capture: Capture) -> bool:
    """Tell whether a capture is open and its first frame has come."""
    return capture.opened and capture.height > 0 and capture.width > 0 and capture.grab()
