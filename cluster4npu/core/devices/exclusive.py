"""Devices that serve one process at a time: a lock file each, which the system lets go of however its holder ends."""

from __future__ import annotations

import contextlib
import os
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from cluster4npu.core.errors import DeviceUnavailable, Problem
from cluster4npu.core.locks import lock
from cluster4npu.core.settings import data_dir


def hold(device: str) -> BinaryIO:
    """Take a device (its id without options) for this process; keep what is returned open as long as it is used.

    Raises DeviceUnavailable that names the process which has it.
    """
    path = _path(device)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+b")
    try:
        lock(file)
    except OSError as error:
        holder = _holder(path)
        file.close()
        raise DeviceUnavailable(
            Problem(
                f"'{device}' is in use, and serves one pipeline at a time",
                field="devices",
                found=f"process {holder} has it" if holder else "another process has it",
                allowed="a device that is free",
                hint="Stop the other run, or take this device out of one of the two pipelines.",
            )
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()).encode())
    file.flush()
    return file


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError):
        text = path.read_text(encoding="ascii", errors="replace")
        return text if text.isdigit() else ""
    return ""


def _path(device: str) -> Path:
    safe = "".join(c if c.isalnum() else "-" for c in device)[:60]
    return data_dir() / "locks" / f"{safe}-{sha256(device.encode()).hexdigest()[:8]}.lock"
