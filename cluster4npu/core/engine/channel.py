"""What goes between the manager and a worker: small binary records over one pipe pair per worker generation.

Nothing here is a lock or a queue that others share: when a worker dies, its pipe is thrown away with it. Each record
stands behind its length, and a read takes what is there, be it many records or half of one: nobody waits for the rest
of a record whose sender was stopped in the middle of it.
"""

from __future__ import annotations

import json
import os
import selectors
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

MAX_RECORD = 4096
_READ_BYTES = 65536

_LENGTH = struct.Struct("<H")
_WORK = struct.Struct("<cIIq")
_DONE = struct.Struct("<cIIqqqqI")
_TEXT_LIMIT = MAX_RECORD - _DONE.size


@dataclass(frozen=True, slots=True)
class Work:
    """The worker now owns this slot."""

    slot: int
    generation: int
    frame_id: int


@dataclass(frozen=True, slots=True)
class Done:
    """The manager owns the slot again. `error` is empty when the results are in the slot's result area."""

    slot: int
    generation: int
    frame_id: int
    started_ns: int
    inferred_ns: int
    finished_ns: int
    result_bytes: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """Everything that is rare: load reports, attaching, quitting."""

    kind: str
    data: dict[str, Any]


Record = Work | Done | Control


class Channel:
    """One end of a pipe pair, used by one thread."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._half = b""

    def send(self, records: Iterable[Record]) -> None:
        """Send records in one go; raises OSError when the other side is gone.

        Waits only when the pipe is full, which the bound on frames in flight keeps it from ever being.
        """
        data = b"".join([_LENGTH.pack(len(packed)) + packed for packed in map(pack, records)])
        if sys.platform == "win32":
            self.connection.send_bytes(data)
            return
        handle = self.connection.fileno()
        while data:
            data = data[os.write(handle, data) :]

    def receive(self) -> list[Record]:
        """Read once and return the whole records that came, perhaps none; raises EOFError, or OSError.

        Returns at once when there is something to read; else it waits.
        """
        if sys.platform == "win32":
            data = self.connection.recv_bytes()
        else:
            data = os.read(self.connection.fileno(), _READ_BYTES)
            if not data:
                raise EOFError
        data = self._half + data
        records, at = [], 0
        while len(data) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, at)
            if len(data) - at - _LENGTH.size < length:
                break
            at += _LENGTH.size
            records.append(unpack(data[at : at + length]))
            at += length
        self._half = data[at:]
        return records

    def close(self) -> None:
        """Close this end."""
        self.connection.close()


def pack(record: Record) -> bytes:
    """Return the record's bytes, at most MAX_RECORD."""
    if isinstance(record, Work):
        return _WORK.pack(b"W", record.slot, record.generation, record.frame_id)
    if isinstance(record, Done):
        head = _DONE.pack(
            b"D",
            record.slot,
            record.generation,
            record.frame_id,
            record.started_ns,
            record.inferred_ns,
            record.finished_ns,
            record.result_bytes,
        )
        return head + record.error.encode()[:_TEXT_LIMIT]
    text = json.dumps([record.kind, record.data]).encode()
    if len(text) >= MAX_RECORD:
        raise ValueError(f"control record '{record.kind}' is too long: {len(text)} bytes")
    return b"C" + text


def unpack(data: bytes) -> Record:
    """Read a record's bytes."""
    tag = data[:1]
    if tag == b"W":
        return Work(*_WORK.unpack(data)[1:])
    if tag == b"D":
        _, slot, generation, frame_id, started, inferred, finished, used = _DONE.unpack_from(data)
        error = data[_DONE.size :].decode(errors="replace")
        return Done(slot, generation, frame_id, started, inferred, finished, used, error)
    kind, fields = json.loads(data[1:])
    return Control(kind, fields)


class Waiter:
    """Waits on many connections and process sentinels at once, by name.

    A kept selector where there is one (epoll, kqueue: one system call a wait); Windows waits on handles instead.
    """

    def __init__(self) -> None:
        self._sources: dict[str, Connection | int] = {}
        self._selector = None if sys.platform == "win32" else selectors.DefaultSelector()

    def add(self, key: str, source: Connection | int) -> None:
        """Wait also on this connection or sentinel."""
        self._sources[key] = source
        if self._selector is not None:
            self._selector.register(source, selectors.EVENT_READ, key)

    def remove(self, key: str) -> None:
        """Wait no longer on it; unknown keys are fine."""
        source = self._sources.pop(key, None)
        if source is not None and self._selector is not None:
            self._selector.unregister(source)

    def wait(self, timeout_s: float | None) -> Iterable[str]:
        """Return the keys that are ready; none after the timeout (None: wait for ever)."""
        if self._selector is not None:
            return [key.data for key, _ in self._selector.select(timeout_s)]
        by_source = {id(source): key for key, source in self._sources.items()}
        return [by_source[id(s)] for s in wait(list(self._sources.values()), timeout_s)]

    def close(self) -> None:
        """Let go of the selector."""
        if self._selector is not None:
            self._selector.close()
