"""The only place that creates, attaches, sizes and unlinks shared memory.

Not `multiprocessing.shared_memory`: its resource tracker unlinks a segment when any reader exits (before Python 3.13),
and a sparse segment is a SIGBUS on first touch. Here pages are reserved at creation, and a marker file per segment says
whose it is, so that the next start can sweep what a killed run left behind (macOS cannot list segments).
"""

from __future__ import annotations

import contextlib
import errno
import json
import mmap
import os
import secrets
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster4npu.core.errors import Problem, RunFailed

_PREFIX = "c4n"


@dataclass(slots=True)
class SharedBlock:
    """A mapped segment. Map once per process and keep it for the process's life: a view that outlives it crashes."""

    name: str
    size: int
    memory: mmap.mmap
    owner: bool

    def unlink(self) -> None:
        """Remove the name (only the process that created it does); mappings stay valid. Safe to call again."""
        if self.owner:
            self.owner = False
            _unlink(self.name)


def create(kind: str, size: int) -> SharedBlock:
    """Make a segment of `size` bytes with its pages reserved; raises RunFailed when the host has no room for it."""
    name = f"{_PREFIX}_{os.getpid():x}_{secrets.token_hex(4)}_{kind[:4]}"
    if sys.platform == "win32":
        return SharedBlock(name, size, mmap.mmap(-1, size, tagname=name), owner=True)
    import _posixshmem

    try:
        _marker(name).write_text(json.dumps({"pid": os.getpid(), "started": psutil.Process().create_time()}))
        handle = _posixshmem.shm_open(f"/{name}", os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, size)
            else:
                os.ftruncate(handle, size)
            memory = mmap.mmap(handle, size)
        finally:
            os.close(handle)
    except OSError as error:
        _unlink(name)
        raise no_room(size, error) from error
    return SharedBlock(name, size, memory, owner=True)


def attach(name: str, size: int) -> SharedBlock:
    """Map a segment that another process made; raises RunFailed when it is gone."""
    if sys.platform == "win32":
        return SharedBlock(name, size, mmap.mmap(-1, size, tagname=name), owner=False)
    import _posixshmem

    try:
        handle = _posixshmem.shm_open(f"/{name}", os.O_RDWR, mode=0o600)
        try:
            return SharedBlock(name, size, mmap.mmap(handle, size), owner=False)
        finally:
            os.close(handle)
    except OSError as error:
        raise RunFailed(f"the shared memory of this run is gone ({error.strerror})") from error


def available_bytes() -> int:
    """Return how much shared memory can be taken now: what memory is left, and what /dev/shm still holds."""
    room = psutil.virtual_memory().available
    with contextlib.suppress(OSError):
        room = min(room, psutil.disk_usage("/dev/shm").free)
    return int(room)


def no_room(size: int, error: OSError | None = None) -> RunFailed:
    """Return the error that tells how much shared memory is missing and what to do."""
    reason = error.strerror if error and error.errno != errno.ENOSPC else "no space left"
    return RunFailed(
        Problem(
            "there is not enough shared memory for the frames",
            field="ring_slots",
            found=f"{available_bytes() // 2**20} MiB free ({reason})",
            allowed=f"{-(-size // 2**20)} MiB",
            hint="Close other programs, use smaller frames, or enlarge /dev/shm (containers: --shm-size=1g).",
        )
    )


def segments() -> list[str]:
    """Return the names of all segments of this user that have been made and not removed."""
    return sorted(marker.name for marker in _marker_folder().glob(f"{_PREFIX}_*"))


def sweep(pid: int | None = None) -> list[str]:
    """Remove the segments of processes that live no more (or of `pid`, known to be dead); return their names.

    A process is known by pid and start time, so that a live run is never touched.
    """
    removed = []
    for marker in _marker_folder().glob(f"{_PREFIX}_*"):
        try:
            owner = json.loads(marker.read_text())
            if owner["pid"] != pid and _lives(owner["pid"], owner["started"]):
                continue
        except (OSError, ValueError, KeyError, TypeError):
            continue  # being written right now, or gone already
        _unlink(marker.name)
        removed.append(marker.name)
    return removed


def _lives(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(abs(process.create_time() - started) < 1.0 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _unlink(name: str) -> None:
    if sys.platform != "win32":
        import _posixshmem

        with contextlib.suppress(OSError):  # gone already, or a folder that cannot be written
            _posixshmem.shm_unlink(f"/{name}")
        with contextlib.suppress(OSError):
            _marker(name).unlink(missing_ok=True)


def _marker_folder() -> Path:
    user = os.getuid() if sys.platform != "win32" else 0
    folder = Path(tempfile.gettempdir()) / f"cluster4npu-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _marker(name: str) -> Path:
    return _marker_folder() / name
