"""The video file source: decodes straight into the slot, and tells when a file is broken or cut short."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cluster4npu.core.devices.detect import usable_cores
from cluster4npu.core.errors import InputError, Problem, RunFailed
from cluster4npu.core.files import is_file
from cluster4npu.core.nodes.base import FrameInfo, FrameSpec, Port, PortType, SourceNode, SourceParams, param
from cluster4npu.core.settings import resolve_path
from cluster4npu.core.vision.capture import Capture

VIDEO_FILTER = "Videos (*.mp4 *.avi *.mov *.mkv *.webm *.m4v *.mpg *.mpeg *.ts *.wmv);;All files (*)"

# How much may be missing before a file counts as cut short: seconds, and part of its length. AVI counts its frames;
# MP4 too, but may leave some out on purpose; of others FFmpeg estimates the length, from the longest of all tracks.
_TOLERANCES = {".avi": (0.0, 0.0), ".mp4": (0.25, 0.01), ".mov": (0.25, 0.01), ".m4v": (0.25, 0.01)}
_TOLERANCE_ESTIMATED = (2.0, 0.05)

# Up to this many pixels a frame is decoded by one thread: a small frame gains nothing from several, and each of
# them costs the workers a part of their core (0.31 ms of CPU per 640 x 480 frame instead of 0.54 on two cores). A
# larger one is decoded by half of the cores, since the workers need them too (1080p by two threads on two cores: 2.4 ms
# of CPU instead of 1.3, and no sooner).
_ONE_THREAD_PIXELS = 1280 * 720


class VideoFile(SourceNode):
    """Reads the frames of a video file as fast as they are wanted."""

    type = "video_file"
    title = "Video file"
    category = "Sources"
    description = "Reads the frames of a video file (MP4, AVI, MOV, MKV ...)."
    outputs = (Port("frame", (PortType.FRAME,)),)

    class Params(SourceParams):
        path: str = param(
            "",
            title="File",
            description="The video; a relative path belongs to the pipeline file's folder.",
            widget="file",
            file_filter=VIDEO_FILTER,
            max_length=4096,
        )
        loop: bool = param(
            False, title="Loop", description="Start again at the first frame when the file ends."
        )

    def problems(self) -> list[Problem]:
        if is_file(self._path()):
            return []
        return [_missing(self.id, self._path() if self.params.path else None)]

    def open(self) -> VideoSource:
        """Open the file and decode its first frame; raises InputError."""
        for problem in self.problems():
            raise InputError(problem)
        return VideoSource(self.id, self._path())

    def _path(self) -> Path:
        return resolve_path(self.params.path, self.base)


def _missing(node: str, path: Path | None) -> Problem:
    return Problem(
        "the video file is missing" if path else "no video file is chosen",
        node=node,
        field="path",
        found=str(path or ""),
        allowed="an existing video file",
        hint="Choose the file in the node's panel.",
        option=f"--set {node}.path=PATH",
    )


class VideoSource:
    """An opened video file."""

    _first_waits: bool
    _count: int
    _last_ms: float | None

    def __init__(self, node: str, path: Path) -> None:
        self._node = node
        self._path = path
        self._capture = capture = self._open()
        self.spec = FrameSpec(capture.height, capture.width, capture.fps, capture.frames or None)

    def read_into(self, slot: np.ndarray) -> FrameInfo | None:
        """Decode the next frame into `slot`; None at the end. Raises RunFailed where the file breaks off."""
        if not self._advance():
            return None
        try:
            size = self._capture.retrieve_into(slot)
        except ValueError as error:
            raise self._broken(
                "the video's frames become larger", f"{error} at frame {self._count}"
            ) from error
        if size is None:
            raise self._broken("a frame cannot be decoded", f"frame {self._count}")
        height, width = size
        self._count += 1
        self._last_ms = self._capture.position_ms()
        return FrameInfo(height, width, self._last_ms)

    def skip(self) -> bool:
        """Go past the next frame: it is decoded, since the ones after it build on it, but not converted."""
        if not self._advance():
            return False
        self._count += 1
        self._last_ms = self._capture.position_ms()
        return True

    def _advance(self) -> bool:
        if not self._first_waits and not self._capture.grab():
            self._check_end()
            return False
        self._first_waits = False
        return True

    def rewind(self) -> None:
        """Open the file again: seeking is not exact in every format."""
        self._capture.close()
        self._capture = self._open()

    def close(self) -> None:
        self._capture.close()

    def _open(self) -> Capture:
        """Return the capture with its first frame already decoded, so that an empty file is refused here."""
        capture = Capture(str(self._path), ffmpeg=True, threads=1)
        threads = usable_cores() // 2
        if capture.height * capture.width > _ONE_THREAD_PIXELS and threads > 1:
            capture.close()
            capture = Capture(str(self._path), ffmpeg=True, threads=threads)
        if capture.opened and capture.height and capture.width and capture.grab():
            self._first_waits = True
            self._count = 0
            self._last_ms = None
            return capture
        capture.close()
        if not is_file(self._path):  # it was there when the run began
            raise InputError(_missing(self._node, self._path))
        opened = "the video has no frame that can be decoded"
        raise InputError(
            Problem(
                opened if capture.opened else "the video cannot be opened",
                node=self._node,
                field="path",
                found=str(self._path),
                allowed="a whole video of a known format (MP4, AVI, MOV, MKV, WebM)",
                hint="The file is damaged, cut short or no video: copy or download it again, or convert it.",
            )
        )

    def _check_end(self) -> None:
        """Tell an end that comes too early from the real one: OpenCV reports both in the same way."""
        frames, fps = self._capture.frames, self._capture.fps
        if not frames or not fps or self._count >= frames:
            return
        seconds, part = _TOLERANCES.get(self._path.suffix.lower(), _TOLERANCE_ESTIMATED)
        length_s = frames / fps
        reached_s = self._count / fps if self._last_ms is None else self._last_ms / 1e3 + 1 / fps
        if length_s - reached_s > max(seconds, part * length_s, 0.5 / fps):
            raise self._broken("the video breaks off", f"its end after frame {self._count} of {frames}")

    def _broken(self, message: str, found: str) -> RunFailed:
        return RunFailed(
            Problem(
                message,
                node=self._node,
                field="path",
                found=f"{found} in {self._path.name}",
                allowed="a whole video",
                hint="The file is damaged or cut short: copy or download it again, or repair it with "
                "`ffmpeg -i IN -c copy OUT`.",
            )
        )
