"""Messages posted to an HTTP receiver over one connection that is kept open."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult

from cluster4npu.core.nodes.base import NotDelivered

_SCHEMES = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
_MOST_ANSWER = 65_536  # bytes that are read, so that the connection can be kept


class Poster:
    """The way to one address (http or https, with a host). Used by one thread."""

    def __init__(self, address: SplitResult, timeout_s: float) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._connection: http.client.HTTPConnection | None = None

    def post(self, message: bytes, headers: Mapping[str, str]) -> int:
        """Post one message and return the answer's status; raises NotDelivered.

        A kept connection that the receiver has closed meanwhile is opened again once.
        """
        kept = self._connection is not None
        try:
            return self._post(message, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            if not kept:
                raise NotDelivered(_why(error)) from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NotDelivered(_why(error)) from None
        try:
            return self._post(message, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NotDelivered(_why(error)) from None

    def close(self) -> None:
        """Close the connection; the next message opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, message: bytes, headers: Mapping[str, str]) -> int:
        parts = self._address
        if self._connection is None:
            make = _SCHEMES[parts.scheme.lower()]
            self._connection = make(parts.hostname or "", parts.port, timeout=self._timeout_s)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with _within(self._timeout_s, self._connection):
            self._connection.request("POST", path, message, headers)
            answer = self._connection.getresponse()
            if len(answer.read(_MOST_ANSWER)) == _MOST_ANSWER:
                self.close()  # the rest would be taken for the next answer
        return answer.status


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
