"""The shared memory of a test's own processes, kept apart from that of whatever else runs on this machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil
import pytest

from cluster4npu.core.engine import shm


def keep_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process, and all that it starts, note their segments in a folder of their own.

    So nobody else sweeps them, and only they are seen.
    """
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)


def segments() -> set[str]:
    """Return the names of the segments that are there: as noted, and as listed for the processes that live."""
    listed = Path("/dev/shm")
    names = {path.name for path in listed.glob("c4n_*")} if listed.is_dir() else set()
    return {name for name in names if _is_ours(int(name.split("_")[1], 16))} | set(shm.segments())


def _is_ours(pid: int) -> bool:
    try:
        return os.getpid() in (pid, *(parent.pid for parent in psutil.Process(pid).parents()))
    except psutil.NoSuchProcess:
        return False  # a dead one of ours is in our folder
