"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
from io import BufferedReader
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8 with \\n): the old one stays until the new one is safe on the disk.

    Raises OSError, also where something stands that is no file: a folder, a device.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "this is a folder or a device, not a file")
    data = content if isinstance(content, bytes) else content.encode()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:  # with the rights of any new file
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def is_file(path: Path) -> bool:
    """Tell whether a file is there; where nobody may look, or a name is too long for the system, there is none."""
    return os.path.isfile(path)  # noqa: PTH113 - pathlib's own raises there


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there, as `is_file` does."""
    return os.path.isdir(path)  # noqa: PTH112


def read_whole(path: Path, most: int) -> bytes:
    """Return the content of a file of at most this many bytes.

    Raises OSError, also for more, and for what is no file: a folder, a device that never ends, a pipe that waits.
    """
    with _open_file(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"more than {most:,} bytes")
    return content


def digest_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content, "" where no file can be read."""
    try:
        with _open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _open_file(path: Path) -> BufferedReader:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "this is a device or a pipe, not a file")
    return path.open("rb")
