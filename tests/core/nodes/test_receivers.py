"""Webhook and MQTT: what arrives, what is told when nothing does, and that no secret is told."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pydantic import ValidationError

from cluster4npu.core.errors import InputError
from cluster4npu.core.nodes.base import Delivery, NotDelivered
from cluster4npu.core.nodes.values import Detections, Number
from tests.core.nodes.media import make

ROWS = np.array([[1, 2, 3, 4, 0.5, 0]], np.float32)
SECRET = "hunter2-not-to-be-seen"


def delivery(frame: int = 0, rows: np.ndarray = ROWS, **inputs: object) -> Delivery:
    return Delivery(frame, None, "sim:mine", 1.0, 48, 64, {"result": Detections(rows), **inputs})


class Receiver(ThreadingHTTPServer):
    """A web server on this machine that keeps what it gets, and answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 204
        self.hang = threading.Event()
        self.hang.set()
        self.drips = False
        self.connections = 0
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/in?key=1"

    def process_request(self, request: object, address: object) -> None:
        self.connections += 1
        super().process_request(request, address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        if not self.server.drips:
            self.server.hang.wait(10)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "1000000" if self.server.drips else "0")
        self.end_headers()
        with contextlib.suppress(OSError):
            while self.server.drips and not self.server.hang.wait(0.02):
                self.wfile.write(b".")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.hang.set()
    receiver.shutdown()
    receiver.server_close()


def test_a_webhook_gets_each_frame_over_one_connection(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLUSTER4NPU_HOOK_TOKEN", SECRET)
    hook = make("webhook", url=server.url, token_env="CLUSTER4NPU_HOOK_TOKEN")
    hook.setup()
    hook.append(delivery(0, count=Number(3.0)))
    hook.append(delivery(1))
    hook.close()
    path, headers, body = server.got[0]
    assert path == "/in?key=1"
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert json.loads(body)["results"][0]["box"] == [1, 2, 3, 4]
    assert json.loads(body)["count"] == 3
    assert [json.loads(body)["frame"] for _, _, body in server.got] == [0, 1]
    assert server.connections == 1


def test_only_what_was_asked_for_is_sent(server: Receiver) -> None:
    hook = make("webhook", url=server.url, only_found=True, least_ms=3_600_000)
    hook.setup()
    hook.append(delivery(0, np.zeros((0, 6), np.float32)))
    hook.append(delivery(1))
    hook.append(delivery(2))
    hook.close()
    assert [json.loads(body)["frame"] for _, _, body in server.got] == [1]


def test_what_a_receiver_does_not_take_is_told_and_the_next_one_is_tried(server: Receiver) -> None:
    hook = make("webhook", url=server.url, timeout_s=0.1)
    hook.setup()
    server.status = 500
    with pytest.raises(NotDelivered, match="HTTP 500"):
        hook.append(delivery(0))
    server.status = 301
    with pytest.raises(NotDelivered, match="HTTP 301"):
        hook.append(delivery(1))
    server.hang.clear()
    with pytest.raises(NotDelivered, match="no answer in time"):
        hook.append(delivery(2))
    server.hang.set()
    server.status = 200
    hook.append(delivery(3))
    hook.close()


def test_a_receiver_that_drips_holds_nothing_up(server: Receiver) -> None:
    hook = make("webhook", url=server.url, timeout_s=0.3)
    hook.setup()
    server.drips, server.status = True, 200
    server.hang.clear()
    with pytest.raises(NotDelivered, match="no answer in time"):
        hook.append(delivery(0))
    server.hang.set()
    server.drips = False
    hook.append(delivery(1))
    hook.close()


def test_nobody_there_is_told_without_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    hook = make("webhook", url=f"http://127.0.0.1:{port}/{SECRET}")
    hook.setup()
    with pytest.raises(NotDelivered) as caught:
        hook.append(delivery())
    assert str(caught.value) == "the connection was refused"


@pytest.mark.parametrize(
    "url", ["", "ftp://host/x", "http://", "http://host:99999/", "not a url", f"https://me:{SECRET}@host/"]
)
def test_what_is_no_address_is_told_before_the_run_without_its_secrets(url: str) -> None:
    hook = make("webhook", url=url)
    (problem,) = hook.problems()
    assert problem.field == "url"
    assert SECRET not in repr(problem)
    with pytest.raises(InputError):
        hook.setup()


def test_a_secret_that_is_not_set_is_told(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLUSTER4NPU_HOOK_TOKEN", raising=False)
    (problem,) = make("webhook", url=server.url, token_env="CLUSTER4NPU_HOOK_TOKEN").problems()
    assert (problem.field, problem.found) == ("token_env", "CLUSTER4NPU_HOOK_TOKEN")


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "PATH", "cluster4npu_x", "CLUSTER4NPU_"])
def test_no_other_variable_can_be_named(name: str) -> None:
    for kind, field in (("webhook", "token_env"), ("mqtt", "password_env")):
        with pytest.raises(ValidationError):
            make(kind, **{field: name})


class Broker:
    """The least of an MQTT broker: accepts everybody, confirms, and keeps what is published."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.got: list[tuple[str, bytes]] = []
        self.hello = b""
        self.connected = threading.Event()
        self._client: socket.socket | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        if self._client is not None:
            self._client.close()

    def _accept(self) -> None:
        try:
            while True:
                self._client, _ = self._listener.accept()
                self._serve(self._client)
        except OSError:
            return

    def _serve(self, client: socket.socket) -> None:
        stream = client.makefile("rb")
        while head := stream.read(1):
            body = stream.read(_length(stream))
            if head[0] >> 4 == 1:
                self.hello = body
                client.sendall(b"\x20\x02\x00\x00")
                self.connected.set()
            elif head[0] >> 4 == 3:
                self._take(client, head[0] >> 1 & 3, body)

    def _take(self, client: socket.socket, qos: int, body: bytes) -> None:
        (size,) = struct.unpack_from(">H", body)
        topic, rest = body[2 : 2 + size].decode(), body[2 + size :]
        if qos:
            client.sendall(b"\x40\x02" + rest[:2])
            rest = rest[2:]
        self.got.append((topic, rest))


def _length(stream: object) -> int:
    size = shift = 0
    while True:
        byte = stream.read(1)[0]  # type: ignore[attr-defined]
        size |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return size


@pytest.fixture
def broker() -> Iterator[Broker]:
    pytest.importorskip("paho.mqtt")
    found = Broker()
    yield found
    found.close()


def test_a_broker_gets_each_frame(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_BROKER_PASSWORD", SECRET)
    node = make(
        "mqtt",
        host="127.0.0.1",
        port=broker.port,
        topic="hall/east",
        sure=True,
        username="me",
        password_env="CLUSTER4NPU_BROKER_PASSWORD",
    )
    node.setup()
    assert broker.connected.wait(10)
    node.append(delivery(7)) if _connected(node) else pytest.fail("not connected")
    node.close()
    ((topic, body),) = broker.got
    assert (topic, json.loads(body)["frame"]) == ("hall/east", 7)
    assert SECRET.encode() in broker.hello


def test_without_a_broker_results_are_lost_and_told() -> None:
    pytest.importorskip("paho.mqtt")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    node = make("mqtt", host="127.0.0.1", port=port)
    node.setup()
    with pytest.raises(NotDelivered, match="not connected"):
        node.append(delivery())
    node.close()


def test_a_pattern_is_no_topic() -> None:
    assert "topic" in {problem.field for problem in make("mqtt", topic="a/#").problems()}


def _connected(node: object) -> bool:
    """Wait until the client has heard of the broker's yes, which the broker sends before."""
    waiting = threading.Event()
    for _ in range(500):
        if node._client.is_connected():  # type: ignore[attr-defined]
            return True
        waiting.wait(0.01)
    return False
