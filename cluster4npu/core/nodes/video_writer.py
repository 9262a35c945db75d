"""The video output: frames with their results drawn in, as a file that every player opens."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path
from typing import Any

from cluster4npu.core.errors import InputError, Problem, RunFailed
from cluster4npu.core.nodes.base import RESULTS, Delivery, Port, PortType, SinkNode, param
from cluster4npu.core.nodes.demand import DemandParams
from cluster4npu.core.nodes.result_file import not_mine, path_param, wrong_place
from cluster4npu.core.reasons import reason_of
from cluster4npu.core.settings import resolve_path

_CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
_MARK = (
    b"written by Cluster4NPU"  # at the end of a finished video, in a box of its format that players pass over
)
_MARK_BOX = {
    ".mp4": struct.pack(">I4s", 8 + len(_MARK), b"free") + _MARK,
    ".avi": struct.pack("<4sI", b"JUNK", len(_MARK)) + _MARK,
    ".mkv": bytes([0xEC, 0x80 | len(_MARK)]) + _MARK,
}
_LEAST_FREE = 16 * 2**20  # bytes
_CHECK_EVERY = 50  # frames
_FPS = 25.0  # where the stream has no clock of its own


class VideoWriter(SinkNode):
    """Writes every frame. Where the disk or the codec is too slow, a file waits and a live source drops frames.

    The first frame decides on the size; others are brought to it. Until it is whole, the video has a name of its own
    (`annotated.unfinished-run.mp4`), which a killed run leaves behind and the next one takes again.
    """

    type = "video_writer"
    title = "Annotated video"
    category = "Outputs"
    description = (
        "Writes frames with their boxes, names and counts into a video file, which is replaced at each run."
    )
    inputs = (
        Port("frame", (PortType.FRAME,)),
        Port("result", RESULTS, required=False),
        Port("count", (PortType.NUMBER, PortType.FLAG), required=False),
    )
    takes_pixels = True
    most_waiting = 8

    class Params(DemandParams):
        path: str = path_param("annotated.mp4", "Videos (*.mp4 *.mkv *.avi)", ": .mp4, .mkv or .avi")
        fps: float | None = param(
            None,
            title="Pace",
            description="How many frames are shown in a second; empty: as many as in the source.",
            unit="frames/s",
            gt=0,
            le=1000,
            advanced=True,
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._writer: Any = None
        self._first: Delivery | None = None  # held back until the second one tells the pace
        self._written = 0
        self._taken = False

    def problems(self) -> list[Problem]:
        path = self._path()
        message = wrong_place(self.params.path, path, "the video", _LEAST_FREE)
        if not message and path.suffix.lower() not in _CODECS:
            message = "this is no kind of video that can be written"
        if message:
            return [self._problem(message)]
        return [not_mine(self.id, path)] if _is_of_others(path) else []

    def setup(self) -> None:
        """Take the file; raises InputError."""
        for problem in self.problems():
            raise InputError(problem)
        try:
            self._unfinished().open("wb").close()
            self._taken = True
        except OSError as error:
            raise InputError(self._problem(f"the video cannot be written: {reason_of(error)}")) from error

    def append(self, delivery: Delivery) -> None:
        """Draw and write one frame; raises RunFailed when the codec or the disk gives up."""
        if self._writer is None and self._first is None and self.params.fps is None:
            self._first = delivery
            return
        if self._writer is None:
            self._open(delivery)
        self._write(delivery)

    def close(self) -> None:
        """Write what is held back, and the end of the file; raises RunFailed when nothing readable came of it."""
        if self._first is not None:
            self._open(self._first)
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.release()
        if not self._taken:
            return
        self._taken = False
        try:
            size = self._finish()
        except OSError as error:
            raise RunFailed(self._problem(f"the video could not be finished: {reason_of(error)}")) from error
        if writer is not None and size == 0:
            raise RunFailed(self._problem("nothing was written into the video"))

    def _finish(self) -> int:
        """Give the video its name, and the mark by which the next run knows it; return its size (bytes) before."""
        made, path = self._unfinished(), self._path()
        size = made.stat().st_size
        if size:
            with made.open("ab") as file:
                file.write(_MARK_BOX[path.suffix.lower()])
        made.replace(path)
        return size

    def _open(self, delivery: Delivery) -> None:
        from cluster4npu.core.vision.capture import quiet_cv2

        cv2 = quiet_cv2()
        first, self._first = self._first, None
        height, width = (first or delivery).inputs["frame"].shape[:2]
        codec = cv2.VideoWriter_fourcc(*_CODECS[self._path().suffix.lower()])
        fps = self.params.fps or _pace(first, delivery)
        self._size = (width, height)
        self._writer = cv2.VideoWriter(str(self._unfinished()), cv2.CAP_FFMPEG, codec, fps, self._size)
        if not self._writer.isOpened():
            self._writer = None
            raise RunFailed(self._problem(f"a video of {width} x {height} pixels cannot be written here"))
        if first is not None:
            self._write(first)

    def _write(self, delivery: Delivery) -> None:
        import cv2

        from cluster4npu.core.vision.annotate import annotate

        image = delivery.inputs["frame"]
        values = {port: value for port, value in delivery.inputs.items() if port != "frame"}
        annotate(image, values, delivery.labels, delivery.error)
        if (image.shape[1], image.shape[0]) != self._size:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        self._writer.write(image)
        self._written += 1
        if self._written % _CHECK_EVERY == 0 and shutil.disk_usage(self._path().parent).free < _LEAST_FREE:
            raise RunFailed(self._problem("the disk for the video is full"))

    def _path(self) -> Path:
        return resolve_path(self.params.path, self.base)

    def _unfinished(self) -> Path:
        path = self._path()
        return path.with_name(f"{path.stem}.unfinished-run{path.suffix}")

    def _problem(self, message: str) -> Problem:
        return Problem(
            message,
            node=self.id,
            field="path",
            found=str(self._path()),
            allowed=f"a file ({', '.join(_CODECS)}) in a folder that exists, on a disk with room",
            hint="Choose another file, or free some space.",
        )


def _is_of_others(path: Path) -> bool:
    """Tell whether a video, or anything else, is there that no run has written."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(_MARK)))
            return size > 0 and file.read() != _MARK
    except OSError:
        return False  # there is none, or it is told when it is opened


def _pace(first: Delivery | None, second: Delivery) -> float:
    """Return the frames a second of the stream, from its own clock."""
    if first is None or first.stream_ms is None or second.stream_ms is None:
        return _FPS
    apart = (second.stream_ms - first.stream_ms) / max(1, second.frame_id - first.frame_id)
    return min(max(1e3 / apart, 1.0), 1000.0) if apart > 0 else _FPS
