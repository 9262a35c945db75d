"""The RTSP source: a network camera by its URL. The URL's password appears in no message."""

from __future__ import annotations

from urllib.parse import urlsplit

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes.base import Port, PortType, SourceNode, SourceParams, param
from cluster4npu.core.nodes.live import LiveSource, ready
from cluster4npu.core.vision.capture import Capture, redact_url

OPEN_TIMEOUT_MS = 5000
READ_TIMEOUT_MS = 5000
_SCHEMES = ("rtsp", "rtsps")
_MOST_CHARACTERS = 2048


class Rtsp(SourceNode):
    """Reads a network camera. Frames that nobody has room for are dropped and counted."""

    type = "rtsp"
    title = "RTSP stream"
    category = "Sources"
    description = "Reads a network camera by its RTSP URL; the newest frame counts."
    live = True
    outputs = (Port("frame", (PortType.FRAME,)),)

    class Params(SourceParams):
        # Without bounds: pydantic's own messages would quote the URL, password and all.
        url: str = param(
            "", title="URL", description="rtsp://HOST/PATH, where needed with USER:PASSWORD@ before the host."
        )

    def problems(self) -> list[Problem]:
        url: str = self.params.url
        try:
            parts = urlsplit(url)
            sound = parts.scheme.lower() in _SCHEMES and bool(parts.hostname) and (parts.port or 554) > 0
        except ValueError:
            sound = False
        if sound and url.isprintable() and " " not in url and len(url) <= _MOST_CHARACTERS:
            return []
        return [self._problem("this is no RTSP URL" if url else "no URL is given")]

    def open(self) -> LiveSource:
        """Connect and wait for the first frame, some seconds at most; raises InputError."""
        for problem in self.problems():
            raise InputError(problem)
        capture = Capture(
            self.params.url, ffmpeg=True, open_timeout_ms=OPEN_TIMEOUT_MS, read_timeout_ms=READ_TIMEOUT_MS
        )
        if not ready(capture):
            message = "the stream gives no frame" if capture.opened else "the stream cannot be opened"
            capture.close()
            raise InputError(self._problem(message))
        return LiveSource(capture, self._problem("the stream has ended"))

    def _problem(self, message: str) -> Problem:
        return Problem(
            message,
            node=self.id,
            field="url",
            found=redact_url(self.params.url)[:200],
            allowed="rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH of a camera that can be reached",
            hint="Check address, user and password, and that the camera is on and in the same network.",
        )
