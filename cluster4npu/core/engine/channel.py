"""What goes between the manager and a worker: small binary records over one pipe pair per worker generation.

Nothing here is a lock or a queue that others share: when a worker dies, its pipe is thrown away with it. Each record
stands behind its length, and a read takes what is there, be it many records or half of one: nobody waits for the rest
of a record whose sender was stopped in the middle of it.
"""

from __future__ import annotations

import json
import math
import os
import select
import struct
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, Protocol

from cluster4npu.core.engine.launch import PipeEnds

MAX_RECORD = 512
_READ_BYTES = 65536

# Waking a process up takes tens of microseconds, on both sides. Who expects the next record sooner than that stays
# awake for it, and gives way to whoever else wants the core.
AWAKE_NS = 50_000
_TAKEN_NS = 5_000  # longer than giving way takes where nobody wants the core
NO_FRAME = -1  # in place of a frame's id: it is only measured, and no frame of the run
_give_way: Callable[[], None] | None = getattr(os, "sched_yield", None)

_HEAD = struct.Struct("<Hc")  # length of all that follows it, kind
_WORK = struct.Struct("<HcIIq")
_DONE = struct.Struct("<HcIIqqqqIH0s")  # an error stands behind it
_WORK_FIELDS = struct.Struct("<3xIIq")
_DONE_FIELDS = struct.Struct("<3xIIqqqqIH0s")
_WORK_REST, _DONE_REST = _WORK.size - 2, _DONE.size - 2  # behind the length itself
_WORK_HEAD, _DONE_HEAD = _HEAD.pack(_WORK_REST, b"W"), _HEAD.pack(_DONE_REST, b"D")
_W, _D, _LAST = b"WDC"
_PIECE = MAX_RECORD - _HEAD.size


# Both are made once a frame: a named tuple is made in a third of the time that a frozen dataclass takes, and in less
# where its fields are there as a tuple (`_new_work`).
class Work(NamedTuple):
    """The worker now owns this slot."""

    slot: int
    generation: int
    frame_id: int


class Done(NamedTuple):
    """The manager owns the slot again. `error` (UTF-8) is empty when the results are in the slot's result area.

    `runs` is how many inputs the model got for this frame: one, or one for each crop. Beside an error it is 0, or 1
    where it was the model that failed.
    """

    slot: int
    generation: int
    frame_id: int
    started_ns: int
    inferred_ns: int
    finished_ns: int
    result_bytes: int
    runs: int = 1
    error: bytes = b""

    @property
    def model_failed(self) -> bool:
        """Tell whether the model itself failed on this frame, which another device may compute."""
        return bool(self.error) and self.runs > 0


_new_work = partial(tuple.__new__, Work)
new_done = partial(tuple.__new__, Done)


class Handed(Protocol):
    """Whatever says which slot a worker gets, with which frame: a `Work`, or a frame in a stage."""

    @property
    def slot(self) -> int: ...

    @property
    def generation(self) -> int: ...

    @property
    def frame_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Control:
    """Everything that is rare: load reports, attaching, quitting. Sent in pieces where it is long."""

    kind: str
    data: dict[str, Any]


Record = Work | Done | Control


class Channel:
    """One side of a pipe pair, used by one thread."""

    def __init__(self, ends: PipeEnds) -> None:
        self.reader, self.writer = ends
        self._in, self._out = self.reader.fileno(), self.writer.fileno()
        self._half = b""
        self._pieces: list[bytes] = []  # of a long control record
        self._poll: Any = None
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(self._in, select.POLLIN)

    def send(self, records: Iterable[Record]) -> None:
        """Send records in one go; raises OSError when the other side is gone.

        Waits only when the pipe is full, which the bound on frames in flight keeps it from ever being.
        """
        self._send(b"".join(map(pack, records)))

    def hand(self, works: Iterable[Handed]) -> None:
        """Send a `Work` record for each of these, as `send` does."""
        self._send(b"".join([_WORK.pack(_WORK_REST, b"W", w.slot, w.generation, w.frame_id) for w in works]))

    def answer(self, dones: Iterable[Done]) -> None:
        """Send these records, as `send` does."""
        self._send(b"".join([pack(d) if d[8] else _DONE.pack(_DONE_REST, b"D", *d) for d in dones]))

    def _send(self, data: bytes) -> None:
        if sys.platform == "win32":
            self.writer.send_bytes(data)
            return
        while data:
            data = data[os.write(self._out, data) :]

    def stay_awake(self, most_ns: int) -> None:
        """Return as soon as there is something to read, at the latest after `most_ns`; other processes go first."""
        if self._poll is not None:
            _poll_awake(self._poll.poll, most_ns)

    def has_more(self) -> bool:
        """Tell whether there is something to read now, or the other side is gone."""
        return bool(self._poll.poll(0)) if self._poll is not None else self.reader.poll(0)

    def receive(self) -> list[Record]:
        """Read once and return the whole records that came, perhaps none; raises EOFError, or OSError.

        Returns at once when there is something to read; else it waits.
        """
        if sys.platform == "win32":
            data = self.reader.recv_bytes()
        else:
            data = os.read(self._in, _READ_BYTES)
            if not data:
                raise EOFError
        if self._half:
            data, self._half = self._half + data, b""
        if _is_all(data, _DONE_HEAD, _DONE.size):
            return list(map(new_done, _DONE_FIELDS.iter_unpack(data)))
        if _is_all(data, _WORK_HEAD, _WORK.size):
            return list(map(_new_work, _WORK_FIELDS.iter_unpack(data)))
        return self._split(data)

    def _split(self, data: bytes) -> list[Record]:
        """Return the records of all kinds that are whole; the rest is kept for the next time."""
        records: list[Record] = []
        at, end = 0, len(data)
        while end - at >= _HEAD.size:
            after = at + 2 + (data[at] | data[at + 1] << 8)
            if after > end:
                break
            kind = data[at + 2]
            if kind == _W:
                records.append(_new_work(_WORK_FIELDS.unpack_from(data, at)))
            elif kind == _D:
                *fields, _ = _DONE_FIELDS.unpack_from(data, at)
                records.append(new_done((*fields, data[at + _DONE.size : after])))
            else:
                self._pieces.append(data[at + _HEAD.size : after])
                if kind == _LAST:
                    records.append(Control(*json.loads(b"".join(self._pieces))))
                    self._pieces.clear()
            at = after
        self._half = data[at:]
        return records

    def close(self) -> None:
        """Close this side."""
        self._in = self._out = -1  # the numbers may be another file's soon
        self.reader.close()
        self.writer.close()


def pack(record: Record) -> bytes:
    """Return the record's bytes: at most MAX_RECORD, a long control record as several of those."""
    if isinstance(record, Done):
        error = record.error[: MAX_RECORD - _DONE.size]
        return _DONE.pack(_DONE_REST + len(error), b"D", *record) + error
    if isinstance(record, Work):
        return _WORK.pack(_WORK_REST, b"W", *record)
    data = json.dumps([record.kind, record.data]).encode()
    starts = range(0, len(data), _PIECE)
    pieces = [data[start : start + _PIECE] for start in starts]
    kinds = [b"c"] * (len(pieces) - 1) + [b"C"]
    return b"".join([_HEAD.pack(1 + len(p), kind) + p for kind, p in zip(kinds, pieces, strict=True)])


def _is_all(data: bytes, head: bytes, size: int) -> bool:
    """Tell whether there are only whole records with this head, each as long as it says."""
    records, rest = divmod(len(data), size)
    return (
        not rest
        and data[::size] == head[:1] * records
        and data[1::size] == head[1:2] * records
        and data[2::size] == head[2:] * records
    )


def _poll_awake(
    poll: Callable[[int], list[tuple[int, int]]], most_ns: int
) -> tuple[list[tuple[int, int]], bool]:
    """Poll without sleeping for so long; other processes go first. Return what is ready, and whether one did."""
    ready, taken = poll(0), False
    if _give_way is None:
        return ready, False
    now = time.monotonic_ns()
    until = now + most_ns
    while not ready and now < until:
        _give_way()
        begun, now = now, time.monotonic_ns()
        taken = taken or now - begun > _TAKEN_NS
        ready = poll(0)
    return ready, taken


class Waiter:
    """Waits on many connections and process sentinels at once, by name.

    One system call a wait, where there is `poll`; Windows waits on handles instead.
    """

    def __init__(self) -> None:
        self._sources: dict[str, Connection | int] = {}
        self._keys: dict[int, str] = {}  # by file descriptor
        self._poll = select.poll() if hasattr(select, "poll") else None
        self.gave_way = False  # somebody else had this core when it last waited awake

    def add(self, key: str, source: Connection | int) -> None:
        """Wait also on this connection or sentinel."""
        self._sources[key] = source
        if self._poll is not None:
            handle = source if isinstance(source, int) else source.fileno()
            self._keys[handle] = key
            self._poll.register(handle, select.POLLIN)

    def remove(self, key: str) -> None:
        """Wait no longer on it; unknown keys are fine."""
        source = self._sources.pop(key, None)
        if source is not None and self._poll is not None:
            handle = source if isinstance(source, int) else source.fileno()
            del self._keys[handle]
            self._poll.unregister(handle)

    def wait(self, timeout_s: float | None, awake_ns: int = 0) -> Sequence[str]:
        """Return the keys that are ready; none after the timeout (None: wait for ever).

        Stays awake for the first `awake_ns` of that time: for what is expected sooner than a wake-up takes.
        """
        if self._poll is None:
            by_source = {id(source): key for key, source in self._sources.items()}
            return [by_source[id(s)] for s in wait(list(self._sources.values()), timeout_s)]
        poll, keys = self._poll.poll, self._keys
        if awake_ns and timeout_s != 0:
            ready, self.gave_way = _poll_awake(poll, awake_ns)
            if ready:
                return [keys[handle] for handle, _ in ready]
        timeout_ms = None if timeout_s is None else math.ceil(timeout_s * 1e3)
        return [keys[handle] for handle, _ in poll(timeout_ms)]
