"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8 with \\n): the old one stays until the new one is safe on the disk.

    Raises OSError, also where something stands that is no file: a folder, a device.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "this is a folder or a device, not a file")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:  # with the rights of any new file
            file.write(content if isinstance(content, bytes) else content.encode())
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def digest_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content, "" where no file can be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
