"""The webhook: each frame's results as JSON to an address on the web, or in the house."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes.base import NotDelivered, param
from cluster4npu.core.nodes.receiver import Receiver, ReceiverParams, secret_param

_SCHEMES = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
_MOST_CHARACTERS = 2048
_TAKEN = range(200, 300)
_MOST_ANSWER = 65_536  # bytes that are read, so that the connection can be kept


class Webhook(Receiver):
    """Posts results to a URL over one connection that is kept open. Answers other than 2xx count as lost."""

    type = "webhook"
    title = "Webhook"
    description = (
        "Posts each frame's results as JSON to a URL; what it does not take in time is dropped and counted."
    )

    class Params(ReceiverParams):
        url: str = param(
            "",
            title="URL",
            description="https://HOST/PATH or http://HOST/PATH. Give a token by 'token_env', not in the URL.",
            widget="address",
        )
        token_env: str = secret_param("Token from", "the token (sent as `Authorization: Bearer`)")
        timeout_s: float = param(
            2.0,
            title="Wait",
            description="A receiver that does not answer for so long has not taken the message.",
            unit="s",
            ge=0.05,
            le=60,
            advanced=True,
        )

    _connection: http.client.HTTPConnection | None = None

    def problems(self) -> list[Problem]:
        url, parts = self.params.url, self._parts()
        message = ""
        if not url:
            message = "no URL is given"
        elif parts is None or not url.isprintable() or " " in url or len(url) > _MOST_CHARACTERS:
            message = "this is no URL of a receiver"
        elif parts.username is not None or parts.password is not None:
            message = "a password must not stand in the URL"
        found = [self._problem(message)] if message else []
        return found + self.secret_problems("token_env")

    def connect(self) -> None:
        """Nothing is opened before the first message."""

    def send(self, message: bytes) -> None:
        """Post one message; a kept connection that the receiver has closed meanwhile is opened again once."""
        kept = self._connection is not None
        try:
            status = self._post(message)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            if not kept:
                raise NotDelivered(_why(error)) from None
            status = self._retry(message)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NotDelivered(_why(error)) from None
        if status not in _TAKEN:
            raise NotDelivered(f"HTTP {status}")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _retry(self, message: bytes) -> int:
        try:
            return self._post(message)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NotDelivered(_why(error)) from None

    def _post(self, message: bytes) -> int:
        parts = self._parts()
        assert parts is not None
        if self._connection is None:
            make = _SCHEMES[parts.scheme.lower()]
            self._connection = make(parts.hostname or "", parts.port, timeout=self.params.timeout_s)
        headers = {"Content-Type": "application/json", "User-Agent": "cluster4npu"}
        if token := self.secret("token_env"):
            headers["Authorization"] = f"Bearer {token}"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with _within(self.params.timeout_s, self._connection):
            self._connection.request("POST", path, message, headers)
            answer = self._connection.getresponse()
            if len(answer.read(_MOST_ANSWER)) == _MOST_ANSWER:
                self.close()  # the rest would be taken for the next answer
        return answer.status

    def _parts(self) -> SplitResult | None:
        try:
            parts = urlsplit(self.params.url)
            sound = parts.scheme.lower() in _SCHEMES and bool(parts.hostname) and (parts.port or 80) > 0
        except ValueError:
            return None
        return parts if sound else None

    def _problem(self, message: str) -> Problem:
        parts = self._parts()
        return Problem(
            message,
            node=self.id,
            field="url",
            found=f"{parts.scheme}://{parts.hostname}" if parts is not None else "",  # no password, no query
            allowed="https://HOST/PATH or http://HOST/PATH",
            hint="Correct the URL; a token goes into an environment variable that 'token_env' names.",
        )


@contextlib.contextmanager
def _within(timeout_s: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """End an exchange after so many seconds in all; raises TimeoutError.

    The timeout of a socket is that of each single byte: a receiver that drips would hold us up for ever.
    """
    late = threading.Event()

    def give_up() -> None:
        late.set()
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout_s, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError


def _why(error: Exception) -> str:
    """Return why nothing was sent, without the address, which may be secret."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, socket.gaierror):
        return "the host is not known"
    return type(error).__name__
