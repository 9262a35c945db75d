"""Devices that serve one process at a time: a lock file each, which the system lets go of however its holder ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import DeviceUnavailable, InputError, Problem
from cluster4npu.core.locks import lock
from cluster4npu.core.settings import data_dir


def refuse_second_workers(devices: Iterable[DeviceId]) -> None:
    """Raise InputError where two workers of one run are to share a device that serves one process at a time."""
    taken: set[str] = set()
    for device in devices:
        if not registry.backend(device.backend).exclusive(device):
            continue
        if device.device in taken:
            raise InputError(
                Problem(
                    f"'{device.device}' serves one process at a time, and takes no second worker",
                    field="devices",
                    found=str(device),
                    allowed=f"one worker on {device.device}",
                    hint="Take it out of the list.",
                )
            )
        taken.add(device.device)


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
