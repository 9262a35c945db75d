"""A device of another machine, over TCP: what both ends say to each other, and how they know each other.

Both ends prove by HMAC that they know the same secret before anything else is said (`multiprocessing.connection`); it
is never sent. What follows is not encrypted. No pickle crosses: a message is a JSON object and the arrays it names.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Mapping, Sequence
from multiprocessing import AuthenticationError, BufferTooShort
from multiprocessing.connection import Client, Connection
from typing import Any

import numpy as np

from cluster4npu.core.errors import (
    Cluster4NPUError,
    DeviceUnavailable,
    InputError,
    Problem,
    RunFailed,
    one_line,
)

WORKERS, SECRET = "CLUSTER4NPU_WORKERS", "CLUSTER4NPU_WORKER_SECRET"
LEAST_SECRET = 16  # characters
CONNECT_S = 3.0
_MOST_HEAD = 1 << 20  # bytes
_MOST_ARRAY = 8 << 30
_DTYPES = {"float32", "float16", "uint8", "int8", "int32", "int64", "bool", "float64", "uint16", "int16"}


def secret() -> bytes:
    """Return the secret of this machine's environment; raises InputError where there is none, or a short one."""
    text = os.environ.get(SECRET, "")
    if len(text) < LEAST_SECRET:
        raise InputError(
            Problem(
                "workers on other machines need a secret",
                field=SECRET,
                found=f"{len(text)} characters" if text else "not set",
                allowed=f"at least {LEAST_SECRET} characters, the same on both machines",
                hint=f"Set the environment variable {SECRET} on both.",
            )
        )
    return text.encode()


def parse_address(text: str) -> tuple[str, int]:
    """Return (host, port) of HOST:PORT; raises InputError."""
    host, _, port = text.strip().rpartition(":")
    if not host or ":" in host or not port.isdecimal() or int(port) > 65535:
        raise InputError(
            Problem(
                "this is no address of a worker",
                found=repr(text)[:80],
                allowed="HOST:PORT, as 127.0.0.1:9700",
                hint="Correct it.",
            )
        )
    return host, int(port)


def named() -> list[str]:
    """Return the addresses that this machine's environment names, and no others are ever connected to."""
    return [item.strip() for item in os.environ.get(WORKERS, "").split(",") if item.strip()]


class Link:
    """One end of a connection that both have agreed to. Used by one thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        with (
            contextlib.suppress(OSError),
            socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as own,
        ):
            own.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
            )  # else a short message waits 40 ms for an answer

    @classmethod
    def to(cls, address: str) -> Link:
        """Connect to a worker; raises DeviceUnavailable, InputError."""
        host, port = parse_address(address)
        key = secret()
        try:
            socket.create_connection((host, port), CONNECT_S).close()  # the next one knows no limit of time
            return cls(Client((host, port), authkey=key))
        except (OSError, EOFError, AuthenticationError) as error:
            refused = isinstance(error, AuthenticationError)
            raise DeviceUnavailable(
                Problem(
                    f"the worker at {address} cannot be reached",
                    field="devices",
                    found="it has another secret" if refused else one_line(error) or "it hung up",
                    hint=f"Start `cluster4npu worker` there, with the same {SECRET}.",
                )
            ) from error

    def tell(self, head: Mapping[str, Any], arrays: Sequence[np.ndarray] = ()) -> None:
        """Send one message; raises OSError when the other end is gone."""
        plain = [np.ascontiguousarray(array) for array in arrays]
        shapes = [[array.dtype.name, list(array.shape)] for array in plain]
        self._connection.send_bytes(json.dumps({**head, "arrays": shapes}).encode())
        for array in plain:
            self._connection.send_bytes(array.reshape(-1).view(np.uint8).data)

    def hear(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Wait for one message; raises EOFError or OSError, RunFailed for what is none."""
        try:
            head: dict[str, Any] = json.loads(self._connection.recv_bytes(_MOST_HEAD))
            arrays = [self._array(name, shape) for name, shape in head.pop("arrays")]
        except (ValueError, KeyError, TypeError, AttributeError, BufferTooShort) as error:
            raise RunFailed(
                f"the other machine said what cannot be understood ({one_line(error)})"
            ) from error
        return head, arrays

    def _array(self, name: str, shape: Sequence[int]) -> np.ndarray:
        count = int(np.prod([int(size) for size in shape], dtype=np.float64))
        if name not in _DTYPES or min(shape, default=1) < 0 or count * np.dtype(name).itemsize > _MOST_ARRAY:
            raise ValueError("an array of an odd kind or size")
        array = np.empty(shape, name)
        if self._connection.recv_bytes_into(array.reshape(-1).view(np.uint8).data) != array.nbytes:
            raise ValueError("an array of another length than was said")
        return array

    def ask(
        self, head: Mapping[str, Any], arrays: Sequence[np.ndarray] = ()
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Send a message and return its answer; raises the error that the other end tells, and what `hear` does."""
        self.tell(head, arrays)
        answer, found = self.hear()
        if "error" in answer:
            raise error_of(answer["error"])
        return answer, found

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def error_record(error: Cluster4NPUError) -> dict[str, Any]:
    """Return what is sent of an error."""
    return {"type": type(error).__name__, "problems": [problem.as_dict() for problem in error.problems[:1]]}


def error_of(record: Mapping[str, Any]) -> Cluster4NPUError:
    """Make the error again that the other end has sent."""
    kinds: dict[str, type[Cluster4NPUError]] = {
        kind.__name__: kind for kind in (InputError, DeviceUnavailable, RunFailed)
    }
    fields = ("message", "node", "field", "found", "allowed", "hint")
    problems = [Problem(**{key: str(item.get(key, "")) for key in fields}) for item in record["problems"]]
    return kinds.get(record["type"], RunFailed)(*problems)
