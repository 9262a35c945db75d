"""A camera for the tests: MJPEG over HTTP on 127.0.0.1 that can fall silent, hang up, vanish and change its size."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from cluster4npu.core.vision.capture import quiet_cv2

DARK, BRIGHT = 40, 200  # left and right half of every frame: a wrong shape would shear them
_PAUSE_S = 0.01


class StreamServer:
    """`size` is (height, width) of what comes; every method takes effect at once."""

    def __init__(self, size: tuple[int, int] = (48, 64)) -> None:
        self.size = size
        self.silent = threading.Event()
        self._ended = threading.Event()
        self._streams: list[socket.socket] = []
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/live"

    def up(self) -> None:
        """Listen (again), always on the same port."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._streams.append(self.connection)
                with contextlib.suppress(OSError):
                    camera._send_all(self)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that has gone is no error."""

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections and hang up."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        self.hang_up()

    def hang_up(self) -> None:
        """End every stream that is being sent."""
        streams, self._streams = self._streams, []
        for stream in streams:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._ended.set()
        self.down()

    def _send_all(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        while not self._ended.wait(_PAUSE_S):
            if not self.silent.is_set():
                data = jpeg(*self.size)
                head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
                handler.wfile.write(head + data + b"\r\n")


def jpeg(height: int, width: int) -> bytes:
    """Return the picture of this size: its left half dark, its right half bright."""
    image = np.full((height, width, 3), DARK, np.uint8)
    image[:, width // 2 :] = BRIGHT
    ok, data = quiet_cv2().imencode(".jpg", image)
    assert ok
    return data.tobytes()


def is_whole(image: np.ndarray) -> bool:
    """Tell whether an H x W x 3 image is the picture, at any size."""
    width = image.shape[1]
    left, right = image[:, : width * 3 // 8].astype(int), image[:, width * 5 // 8 :].astype(int)
    return bool((abs(left - DARK) < 25).all() and (abs(right - BRIGHT) < 25).all())
