"""The camera source: a camera of this machine, by its index."""

from __future__ import annotations

import sys
from pathlib import Path

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes.base import Port, PortType, SourceNode, param
from cluster4npu.core.nodes.live import LiveParams, LiveSource, ready
from cluster4npu.core.vision.capture import Capture


class Camera(SourceNode):
    """Reads a camera. Frames that nobody has room for are dropped and counted."""

    type = "camera"
    title = "Camera"
    category = "Sources"
    description = "Reads a camera of this machine; one that is unplugged is opened again when it is back."
    live = True
    outputs = (Port("frame", (PortType.FRAME,)),)

    class Params(LiveParams):
        index: int = param(
            0, title="Camera", description="Number of the camera; the first one is 0.", ge=0, le=99
        )

    def problems(self) -> list[Problem]:
        # Only Linux can tell cheaply, without opening the device.
        if sys.platform == "linux" and not Path(f"/dev/video{self.params.index}").exists():
            return [self._problem("there is no such camera")]
        return []

    def open(self) -> LiveSource:
        """Open the camera and wait for its first frame; raises InputError."""
        for problem in self.problems():
            raise InputError(problem)

        def connect() -> Capture:
            return Capture(self.params.index, ffmpeg=False)

        capture = connect()
        if not ready(capture):
            message = "the camera gives no frame" if capture.opened else "the camera cannot be opened"
            capture.close()
            raise InputError(self._problem(message))
        lost = self._problem("the camera has stopped giving frames")
        return LiveSource(capture, lost, connect, self.params.reconnect_s, self.params.still_s)

    def _problem(self, message: str) -> Problem:
        return Problem(
            message,
            node=self.id,
            field="index",
            found=f"camera {self.params.index}",
            allowed="the number of a camera that is plugged in, not in use, and that this program may open",
            hint="Check cable, number and permissions, and close other programs that use it.",
        )
