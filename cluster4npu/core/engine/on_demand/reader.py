"""The source of a run in one process: its beat, and the frame that is made only when somebody asks for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from cluster4npu.core.errors import Cluster4NPUError, InputError, Problem, RunFailed
from cluster4npu.core.nodes.base import FrameInfo, LiveNews, Skips, Source, SourceNode, SourceNotice

_ROUNDED = 2e-5  # part of a rate that may have been lost in rounding
_REMEMBERED = 1024  # frames of which size and time are known, for answers that are about older ones


class FrameReader:
    """Steps through a source by number. `offered` counts the frames that were due, whoever asked for them.

    A frame that nobody asks for is left out (`Skips.skip`). At the end `ended` is set and `on_end` called.
    """

    def __init__(
        self, node: SourceNode, source: Source, fps: float | None, frames: int | None, loop: bool
    ) -> None:
        rate = fps or source.spec.fps
        if rate is None and not node.live:
            raise InputError(
                Problem(
                    "this source has no rate, and without one there is no time in which to ask",
                    node=node.id,
                    field="fps" if "fps" in type(node).Params.model_fields else "",
                    hint="Give it a rate, use a video or a camera, or compute every frame.",
                )
            )
        self.every_ms = _period_ms(rate) if rate else None
        self.node, self._source, self._frames, self._loop = node, source, frames, loop
        self.offered = 0
        self.ended = False
        self.on_end: Callable[[], None] = lambda: None
        self._at = 0  # number of the frame that the source would make next
        self._infos: OrderedDict[int, FrameInfo] = OrderedDict()
        self._numbers: OrderedDict[int, int] = OrderedDict()  # of the values that went out, by their count
        self._out = 0
        self._scratch = np.empty(0, np.uint8)
        self._lock = threading.Lock()

    def tick(self, number: int) -> int | None:
        """Let frame `number` be the newest; None at the end. Frames before it that nobody asked for are left out."""
        with self._lock:
            over = self.ended or (self._frames is not None and number >= self._frames)
            if over or not self._skip_to(number):
                if not over:
                    self.offered = min(self.offered, self._at)  # the last one was not there
                self._end()
                return None
            self.offered = number + 1
            self._count_out(number)
            return number

    def read(self, number: int) -> dict[str, Any] | None:
        """Make frame `number`, an array of its own; None where the source ended just there."""
        with self._lock:
            if number < self._at:
                return None
            slot = np.empty(self._source.spec.nbytes, np.uint8)
            info = self._make(slot)
            if info is None:
                self.offered = number
                self._end()
                return None
            return {"frame": self._note(slot, info)}

    @property
    def late(self) -> int:
        """Return how many frames were left out because the machine was late, not because nobody asked."""
        return max(0, self.offered - self._out)

    @property
    def reconnects(self) -> int:
        """Return how often a live source was lost and came back."""
        return self._source.reconnects if isinstance(self._source, LiveNews) else 0

    def news(self) -> list[SourceNotice]:
        """Take what has happened to a live source since the last call."""
        found = []
        while isinstance(self._source, LiveNews) and self._source.notices:
            found.append(self._source.notices.popleft())
        return found

    def number(self, version: int) -> int:
        """Return the number of the frame that went out as the `version`-th; late beats leave numbers out."""
        return self._numbers.get(version, version - 1)

    def present(self) -> FrameInfo:
        """Return size and time of the frame that was made last."""
        return self._infos[next(reversed(self._infos))]

    def info(self, number: int) -> FrameInfo | None:
        """Return size and time of a frame that was made not long ago."""
        return self._infos.get(number)

    def close(self) -> None:
        """Let go of the source."""
        with self._lock:
            self._source.close()

    def _count_out(self, number: int) -> None:
        self._out += 1
        self._numbers[self._out] = number
        if len(self._numbers) > _REMEMBERED:
            self._numbers.popitem(last=False)

    def _note(self, slot: np.ndarray, info: FrameInfo) -> np.ndarray:
        self._infos[self._at - 1] = info
        if len(self._infos) > _REMEMBERED:
            self._infos.popitem(last=False)
        return slot[: info.height * info.width * 3].reshape(info.height, info.width, 3)

    def _make(self, slot: np.ndarray) -> FrameInfo | None:
        info = self._source.read_into(slot)
        if info is None and self._loop and self._at:
            self._source.rewind()
            info = self._source.read_into(slot)
        self._at += info is not None
        return info

    def _skip_to(self, number: int) -> bool:
        while self._at < number:
            if not self._skip():
                if not self._loop or not self._at:
                    return False
                self._source.rewind()
                if not self._skip():
                    return False
            self._at += 1
        return True

    def _skip(self) -> bool:
        if isinstance(self._source, Skips):
            return self._source.skip()
        if not self._scratch.size:
            self._scratch = np.empty(self._source.spec.nbytes, np.uint8)
        return self._source.read_into(self._scratch) is not None

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            self.on_end()


def make_reader(
    node: SourceNode,
    source: Source,
    *,
    fps: float | None = None,
    frames: int | None = None,
    loop: bool | None = None,
) -> FrameReader:
    """Return the reader that suits the source. `fps` None: its own rate; `loop` None: as the node says."""
    if node.live:
        return LiveReader(node, source, frames)
    if loop is None:
        loop = bool(getattr(node.params, "loop", False))
    return FrameReader(node, source, fps, frames, loop)


def _period_ms(rate: float) -> float:
    """Return the time from frame to frame; files round their rates, and 33.333 a second means 30 ms."""
    exact = 1000.0 / rate
    near = round(exact, 1)
    return near if abs(near - exact) < _ROUNDED * exact else exact


class LiveReader(FrameReader):
    """A camera or stream: a thread takes its frames as they come, and the newest replaces the one before.

    `arrived` is called from that thread when there is a frame and the last one told of was taken (`newest`).
    """

    def __init__(self, node: SourceNode, source: Source, frames: int | None) -> None:
        super().__init__(node, source, None, frames, loop=False)
        self.every_ms = None
        self.error: Cluster4NPUError | None = None
        self.arrived: Callable[[], None] = lambda: None
        self._newest: dict[str, Any] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="live-source", daemon=True)

    def start(self) -> None:
        """Begin to take frames; once is enough."""
        if self._thread.ident is None:
            self._thread.start()

    def newest(self) -> dict[str, Any] | None:
        """Take the newest frame."""
        with self._lock:
            newest, self._newest = self._newest, None
            if newest is not None:
                self._count_out(self.offered - 1)
            return newest

    def present(self) -> FrameInfo:
        """Return size and time of the frame that was taken last: the thread may have a newer one."""
        return self._infos[self.number(self._out)]

    def read(self, number: int) -> dict[str, Any] | None:  # never asked: what is taken is made already
        raise RunFailed(Problem("a live source cannot be asked for a frame", node=self.node.id))

    def close(self) -> None:
        """Let go of the source once the thread has left it; a driver that hangs is left to the process's end."""
        self._stopped = True
        if self._thread.ident is not None:
            self._thread.join(0.5)
        if not self._thread.is_alive():
            self._source.close()

    def _work(self) -> None:
        try:
            while not self._stopped and (self._frames is None or self.offered < self._frames):
                slot = np.empty(self._source.spec.nbytes, np.uint8)
                info = self._make(slot)
                if info is None:
                    break
                self._keep({"frame": self._note(slot, info)})
        except Cluster4NPUError as error:
            self.error = error
        except Exception as error:  # a driver's own failure must end the run in order
            self.error = RunFailed(
                Problem(f"the source broke: {error}", self.node.id, found=type(error).__name__)
            )
        self._end()

    def _keep(self, frame: dict[str, Any]) -> None:
        with self._lock:
            told = self._newest is not None
            self._newest = frame
            self.offered += 1
        if not told:
            self.arrived()
