"""Locks on files that the system lets go of however their holder ends: no clock and no process id is asked."""

from __future__ import annotations

import sys
from typing import BinaryIO

LOCKED_BYTE = 1 << 30  # far behind any text in the file, which others may read meanwhile


def lock(file: BinaryIO) -> None:
    """Lock the file for as long as it is open, or raise OSError at once when another handle holds it."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
