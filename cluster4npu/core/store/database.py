"""The database file: opening it for a moment, waiting for another process, setting a damaged one aside."""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from cluster4npu.core.errors import Problem, RefusedError, StoreError
from cluster4npu.core.reasons import reason_of
from cluster4npu.core.store.engines import attach

T = TypeVar("T")

WAIT_S = 2.0  # how long another process may hold the file before we give up
_PAUSE_S = 0.05
_LEAST_ROOM = 300_000  # bytes of a new store
_MAGIC_AT, _MAGIC = 8, b"DUCK"
_HOLDER = re.compile(r"(?:held|open) in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_DAMAGE = (
    "corrupt", "not a valid duckdb database", "could not read enough bytes", "checksum",
    "failed to replay wal", "failure while replaying wal", "serialization error",
)  # fmt: skip
_FULL = ("no space left", "not enough space", "disk is full", "file too large", "quota exceeded")
_LOCKED = (
    "could not set lock", "being used by another process", "file is already open", "different configuration",
)  # fmt: skip

# DuckDB allows one configuration per file and process at a time, and on POSIX closing any handle of a file
# gives up the process's lock on it: so within this process, only one thread at a time touches a file.
_guards: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)


class DamagedError(Exception):
    """The file is a database of ours, or stands where one belongs, and DuckDB cannot read it."""


def guard(path: Path) -> threading.RLock:
    """Return the lock that this process's threads take before they touch the file."""
    return _guards[str(path.absolute())]


class LockedError(StoreError):
    """Another process holds the file; the problem names it where the system tells."""


@contextmanager
def connection(
    path: Path, *, read_only: bool, wait_s: float | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the file for the length of a block, waiting up to `wait_s` (WAIT_S) for another process.

    Raises LockedError, StoreError (no space, no right ...) and DamagedError.
    """
    with guard(path), _translated(path):
        held = _waiting(path, wait_s, lambda: attach(path, read_only=read_only))
        done = False
        try:
            yield held.opened
            done = True
        finally:
            held.close(keep=done)


@contextmanager
def sealed(
    path: Path, config: dict[str, Any], wait_s: float | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the file to read in a new engine with its own settings, which may forbid files; raises as `connection`."""
    with guard(path), _translated(path):
        opened = _waiting(path, wait_s, lambda: duckdb.connect(str(path), read_only=True, config=config))
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise translate(error, path) from error
    except RuntimeError as error:
        if "interrupted" not in str(error).lower():
            raise
        raise KeyboardInterrupt from error  # what DuckDB makes of a Ctrl-C, where it sees one


def _waiting(path: Path, wait_s: float | None, opening: Callable[[], T]) -> T:
    """Try to open a file until another process lets go of it; raises what DuckDB says at last."""
    deadline = time.monotonic() + (WAIT_S if wait_s is None else wait_s)
    while True:
        try:
            return opening()
        except duckdb.Error as error:
            if not _is_lock(str(error)) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)


def _is_lock(text: str) -> bool:
    lowered = text.lower()
    return any(sign in lowered for sign in _LOCKED)


def translate(error: duckdb.Error, path: Path) -> Exception:
    """Turn what DuckDB says into a StoreError with a remedy, or into DamagedError."""
    text = str(error).split("\n")[0].strip()
    lowered = text.lower()
    if _is_lock(text):
        holder = _HOLDER.search(text)
        who = f"{Path(holder['program']).name} (process {holder['pid']})" if holder else "another program"
        return LockedError(
            Problem(
                "the result store is in use",
                found=f"{path} is held by {who}",
                allowed="one program at a time",
                hint="Close that program, or name another file with --store OTHER.duckdb.",
            )
        )
    if any(sign in lowered for sign in _DAMAGE):
        return DamagedError(text)
    if any(sign in lowered for sign in _FULL):
        return _cannot(
            path,
            "no space is left on the disk",
            "Free some space, or name another disk with --store FILE.duckdb.",
        )
    if "permission denied" in lowered or "read-only file system" in lowered or "access is denied" in lowered:
        return _cannot(path, "no right to write there", "Choose a writable folder with --store FILE.duckdb.")
    return _cannot(path, text[:300], "Name another file with --store FILE.duckdb.")


def _cannot(path: Path, found: str, hint: str, kind: type[StoreError] = StoreError) -> StoreError:
    return kind(Problem("the result store cannot be used", found=f"{path}: {found}", hint=hint))


def check_room(path: Path) -> None:
    """Refuse a place in which no file can be made; raises StoreError."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as probe:
            probe.write(b"\0" * _LEAST_ROOM)
            probe.flush()
    except OSError as error:
        raise unusable(path, error) from error


def unusable(path: Path, error: OSError) -> StoreError:
    """Return what is said where a store's file cannot be made."""
    hint = "Give yourself the right to write there, free the disk, or name another file."
    return _cannot(path, reason_of(error), hint)


def put_in_place(part: Path, path: Path) -> None:
    """Give a finished file its name, unless another process has made one in the meantime; raises OSError."""
    try:
        os.link(part, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not path.exists():
            part.replace(path)


def check_place(path: Path) -> None:
    """Refuse a path that can never be a store: a folder, a file of another kind, a place without a folder.

    Raises StoreError, and DamagedError for an empty or broken file that carries a database's name.
    """
    if path.is_dir():
        hint = f"Name a file in it, for example --store {path / 'results.duckdb'}."
        raise _cannot(path, "it is a folder", hint, RefusedError)
    if not path.exists():
        if not path.parent.is_dir():
            raise _cannot(
                path, f"the folder {path.parent} does not exist", "Create the folder, or name another one."
            )
        return
    try:
        with guard(path), path.open("rb") as file:
            head = file.read(_MAGIC_AT + len(_MAGIC))
    except OSError as error:
        raise _cannot(
            path, reason_of(error), "Give yourself the right to read it, or name another file."
        ) from error
    if head[_MAGIC_AT:] == _MAGIC:
        return
    if head and path.suffix != ".duckdb":
        raise _cannot(
            path,
            "it is a file of another kind",
            "Name a .duckdb file with --store; this one was not touched.",
            RefusedError,
        )
    raise DamagedError("it does not begin like a database")


def set_aside(path: Path) -> Path:
    """Rename a damaged file (and its write-ahead log) so that nothing is lost, and return its new name."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for count in range(1000):
        target = path.with_name(f"{path.stem}.damaged-{stamp}{f'-{count}' if count else ''}{path.suffix}")
        if not target.exists():
            break
    log = path.with_name(path.name + ".wal")
    try:
        if log.exists():
            log.rename(target.with_name(target.name + ".wal"))
        path.rename(target)
    except OSError as error:
        raise _cannot(
            path, f"it is damaged and cannot be renamed ({reason_of(error)})", "Move it away, then try again."
        ) from error
    return target
