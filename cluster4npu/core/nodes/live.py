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
_SAMPLED = 8192  # bytes of a frame that are compared with those of the one before


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
    still_s: float = param(
        30.0,
        title="Tell a still picture after",
        description="A picture that has not changed at all for so long is told: a camera may be frozen. 0: never.",
        unit="s",
        advanced=True,
        ge=0,
        le=31_536_000,
    )


class StillWatch:
    """Notices pictures that stay the same to the bit; a sample of their bytes is compared.

    A camera's sensor is never without noise, so a picture that stays the same comes from one that is frozen.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._seen = np.empty(0, np.uint8)
        self._since_s = 0.0
        self._told = False

    def look(self, pixels: np.ndarray, now_s: float) -> SourceNotice | None:
        """Look at a frame's bytes (flat uint8, borrowed); return what is to be told."""
        if self._after_s <= 0:
            return None
        sample = pixels[:: max(1, pixels.size // _SAMPLED)]
        if not np.array_equal(sample, self._seen):
            self._seen, self._since_s = sample.copy(), now_s
            if self._told:
                self._told = False
                return SourceNotice("moving", "the picture changes again")
        elif not self._told and now_s - self._since_s >= self._after_s:
            self._told = True
            return SourceNotice("still", f"the picture has not changed for {now_s - self._since_s:.1f} s")
        return None


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
        still_s: float = 0.0,
    ) -> None:
        """Take over `capture`, whose first frame must have been grabbed. `lost`: what is told when all is in vain;
        `still_s`: after how long a picture that stays the same is told (0: never)."""
        self.spec = FrameSpec(capture.height, capture.width, capture.fps, None)
        self.reconnects = 0
        self.notices: deque[SourceNotice] = deque(maxlen=_MOST_NOTICES)
        self._capture = capture
        self._lost, self._reopen, self._patience_s = lost, reopen, patience_s
        self._size = (capture.height, capture.width)
        self._first_waits = True
        self._still = StillWatch(still_s)
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
                    self._watch(slot[: size[0] * size[1] * 3])
                    return FrameInfo(size[0], size[1], stream_ms)
            self._connect_again()

    def _compare(self, size: tuple[int, int]) -> None:
        if size != self._size:
            self._size = size
            self.notices.append(SourceNotice("resized", f"the frames are {size[1]} x {size[0]} pixels now"))

    def _watch(self, pixels: np.ndarray) -> None:
        notice = self._still.look(pixels, time.monotonic())
        if notice is not None:
            self.notices.append(notice)

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
