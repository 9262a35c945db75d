"""An RTSP camera for the tests: RTP/JPEG (RFC 2435) interleaved over TCP on 127.0.0.1, behind a password."""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
from itertools import count

from tests.core.nodes.stream_server import jpeg

SIZE = (48, 64)  # height, width
USER, PASSWORD = "user", "secret"
_RATE_HZ = 30
_CLOCK_HZ = 90_000  # of RTP's video
_PAYLOAD = 1300  # bytes of picture in a packet
_JPEG_TYPE = 26
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n"
    "c=IN IP4 0.0.0.0\r\na=control:track0\r\na=framerate:30\r\n"
)


class RtspServer:
    """Serves the picture of `stream_server` until `close`; `hang_up` ends every stream that is being sent."""

    def __init__(self) -> None:
        self.asked: list[str] = []  # methods, in the order in which they came
        self._tables, self._scan = _parts(jpeg(*SIZE))
        self._streams: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, password: str = PASSWORD) -> str:
        """Return the address with user and password."""
        return f"rtsp://{USER}:{password}@127.0.0.1:{self._listening.getsockname()[1]}/live"

    def hang_up(self) -> None:
        streams, self._streams = self._streams, []
        for stream in streams:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
            stream.close()

    def close(self) -> None:
        self._listening.close()
        self.hang_up()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self._listening.accept()
                self._streams.append(stream)
                threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream: socket.socket) -> None:
        waiting = b""
        with contextlib.suppress(OSError):
            while part := stream.recv(4096):
                waiting += part
                while waiting[:1] == b"$" and len(waiting) >= 4:  # what the reader tells of what it got
                    waiting = waiting[4 + struct.unpack(">H", waiting[2:4])[0] :]
                while b"\r\n\r\n" in waiting:
                    request, waiting = waiting.split(b"\r\n\r\n", 1)
                    self._answer(stream, request.decode("latin1").split("\r\n"))

    def _answer(self, stream: socket.socket, lines: list[str]) -> None:
        method = lines[0].split()[0]
        self.asked.append(method)
        given = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        more, body = f"CSeq: {given.get('cseq', '0')}\r\n", ""
        right = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        status = "200 OK"
        if method == "OPTIONS":
            more += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif given.get("authorization") != right:
            status, more = "401 Unauthorized", more + 'WWW-Authenticate: Basic realm="camera"\r\n'
        elif method == "DESCRIBE":
            more, body = more + f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n", _SDP
        elif method == "SETUP":
            more += "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        stream.sendall(f"RTSP/1.0 {status}\r\n{more}\r\n{body}".encode())
        if method == "PLAY" and status == "200 OK":
            threading.Thread(target=self._play, args=(stream,), daemon=True).start()

    def _play(self, stream: socket.socket) -> None:
        numbers, pause = count(1), threading.Event()
        with contextlib.suppress(OSError):
            for frame in count():
                stamp = frame * _CLOCK_HZ // _RATE_HZ
                for at in range(0, len(self._scan), _PAYLOAD):
                    stream.sendall(self._packet(at, next(numbers), stamp))
                pause.wait(1 / _RATE_HZ)

    def _packet(self, at: int, number: int, stamp: int) -> bytes:
        """Return one RTP packet with the picture's bytes from `at` on."""
        part = self._scan[at : at + _PAYLOAD]
        last = 0x80 if at + len(part) == len(self._scan) else 0
        head = struct.pack(">BBHII", 0x80, _JPEG_TYPE | last, number & 0xFFFF, stamp & 0xFFFFFFFF, 0x1234)
        height, width = SIZE
        # Type 1: 4:2:0; 255: the tables come with the picture.
        about = struct.pack(">I", at) + bytes([1, 255, width // 8, height // 8])
        tables = struct.pack(">BBH", 0, 0, len(self._tables)) + self._tables if at == 0 else b""
        packet = head + about + tables + part
        return b"$\0" + struct.pack(">H", len(packet)) + packet


def _parts(picture: bytes) -> tuple[bytes, bytes]:
    """Return the quantisation tables and the compressed scan of a JPEG file."""
    at, tables = 2, b""
    while True:
        marker, length = picture[at + 1], struct.unpack(">H", picture[at + 2 : at + 4])[0]
        if marker == 0xDB:
            segment = picture[at + 4 : at + 2 + length]
            while segment:
                tables, segment = tables + segment[1:65], segment[65:]
        if marker == 0xDA:
            return tables, picture[at + 2 + length : -2]
        at += 2 + length
