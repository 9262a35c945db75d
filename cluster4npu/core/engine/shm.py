"""The only place that creates, attaches, sizes and unlinks shared memory.

Not `multiprocessing.shared_memory`: its resource tracker unlinks a segment when any reader exits (before Python 3.13),
and a sparse segment is a SIGBUS on first touch. Here pages are reserved at creation, and a marker file per segment,
locked by its owner for as long as that lives, lets the next start sweep what a killed run left behind (macOS cannot
list segments).
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import secrets
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.locks import lock
from cluster4npu.core.reasons import reason_of

_PREFIX = "c4n"


@dataclass(slots=True)
class SharedBlock:
    """A mapped segment. Map once per process and keep it for the process's life: a view that outlives it crashes."""

    name: str
    size: int
    memory: mmap.mmap
    owner: bool
    marker: BinaryIO | None = None  # the owner's, locked

    def unlink(self) -> None:
        """Remove the name (only the process that created it does); mappings stay valid. Safe to call again."""
        if self.owner:
            self.owner = False
            _unlink(self.name)
            if self.marker is not None:
                self.marker.close()


def create(kind: str, size: int) -> SharedBlock:
    """Make a segment of `size` bytes with its pages reserved; raises RunFailed when the host has no room for it."""
    name = f"{_PREFIX}_{os.getpid():x}_{secrets.token_hex(4)}_{kind[:4]}"
    if sys.platform == "win32":
        return SharedBlock(name, size, mmap.mmap(-1, size, tagname=name), owner=True)
    import _posixshmem

    marker = None
    try:
        marker = _mark(name)
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
        if marker is not None:
            marker.close()
        raise no_room(size, error) from error
    return SharedBlock(name, size, memory, owner=True, marker=marker)


def _mark(name: str) -> BinaryIO:
    """Make the marker of a segment, locked before others can see it, and return it open."""
    hidden = _marker_folder() / f".{name}"
    file = hidden.open("wb")
    try:
        lock(file)
        file.write(str(os.getpid()).encode())
        file.flush()
        hidden.rename(_marker(name))
    except BaseException:
        file.close()
        hidden.unlink(missing_ok=True)
        raise
    return file


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
        raise RunFailed(f"the shared memory of this run is gone ({reason_of(error)})") from error


def available_bytes() -> int:
    """Return how much shared memory can be taken now: what memory is left, and what /dev/shm still holds."""
    import psutil  # only who makes a ring needs it, not each worker

    room = psutil.virtual_memory().available
    with contextlib.suppress(OSError):
        room = min(room, shutil.disk_usage("/dev/shm").free)
    return int(room)


def no_room(size: int, error: OSError | None = None) -> RunFailed:
    """Return the error that tells how much shared memory is missing and what to do."""
    reason = reason_of(error) if error and error.errno != errno.ENOSPC else "no space left"
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

    A living owner holds the lock of its marker, so that a live run is never touched, whatever the clock does.
    """
    removed = []
    for marker in _marker_folder().glob(f"{_PREFIX}_*"):
        with contextlib.suppress(OSError), marker.open("rb") as file:  # gone already: nothing to do
            if (pid is None or _owner(file) != pid) and _is_locked(file):
                continue
            _unlink(marker.name)
            removed.append(marker.name)
    return removed


def _owner(file: BinaryIO) -> int | None:
    try:
        return int(file.read(32))
    except ValueError:
        return None


def _is_locked(file: BinaryIO) -> bool:
    try:
        lock(file)
    except OSError:
        return True
    return False


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
