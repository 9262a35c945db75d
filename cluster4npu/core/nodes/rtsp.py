"""The network camera source: RTSP, or MJPEG over HTTP. The URL's password appears in no message."""

from __future__ import annotations

from urllib.parse import urlsplit

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes.base import Port, PortType, SourceNode, param
from cluster4npu.core.nodes.live import LiveParams, LiveSource, ready
from cluster4npu.core.vision.capture import Capture, redact_url

OPEN_TIMEOUT_MS = 5000
_SCHEMES = ("rtsp", "rtsps", "http", "https")
_MOST_CHARACTERS = 2048


class Rtsp(SourceNode):
    """Reads a network camera. Frames that nobody has room for are dropped and counted."""

    type = "rtsp"
    title = "RTSP stream"
    category = "Sources"
    description = (
        "Reads a network camera by its URL (RTSP, or MJPEG over HTTP) and connects again when it was lost."
    )
    live = True
    outputs = (Port("frame", (PortType.FRAME,)),)

    class Params(LiveParams):
        # Without bounds: pydantic's own messages would quote the URL, password and all.
        url: str = param(
            "",
            title="URL",
            description="rtsp://HOST/PATH or http://HOST/PATH, where needed with USER:PASSWORD@ before the host.",
        )
        timeout_s: float = param(
            5.0,
            title="Silent for",
            description="A stream that sends no frame for so long counts as lost.",
            unit="s",
            advanced=True,
            ge=0.1,
            le=600,
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
        return [self._problem("this is no URL of a stream" if url else "no URL is given")]

    def open(self) -> LiveSource:
        """Connect and wait for the first frame, some seconds at most; raises InputError."""
        for problem in self.problems():
            raise InputError(problem)
        read_ms = int(self.params.timeout_s * 1e3)

        def connect() -> Capture:
            return Capture(
                self.params.url, ffmpeg=True, open_timeout_ms=OPEN_TIMEOUT_MS, read_timeout_ms=read_ms
            )

        capture = connect()
        if not ready(capture):
            message = "the stream gives no frame" if capture.opened else "the stream cannot be opened"
            capture.close()
            raise InputError(self._problem(message))
        lost, p = self._problem("the stream was lost"), self.params
        return LiveSource(capture, lost, connect, p.reconnect_s, p.still_s)

    def _problem(self, message: str) -> Problem:
        return Problem(
            message,
            node=self.id,
            field="url",
            found=redact_url(self.params.url)[:200],
            allowed="rtsp:// or http://[USER:PASSWORD@]HOST[:PORT]/PATH of a camera that can be reached",
            hint="Check address, user and password, and that the camera is on and in the same network.",
        )
