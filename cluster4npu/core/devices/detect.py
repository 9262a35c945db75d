"""What the machine's own processor is: its name, its cores and its memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil

from cluster4npu.core.devices.ids import DeviceId


@cache
def cpu_name() -> str:
    """Return the processor's model name as the system gives it."""
    if sys.platform == "linux":
        name = _from_cpuinfo()
    elif sys.platform == "darwin":
        name = _from_sysctl()
    elif sys.platform == "win32":
        name = _from_registry()
    else:
        name = ""
    return name or platform.processor() or platform.machine() or "CPU"


def usable_cores() -> int:
    """Return how many cores this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the size of the machine's main memory."""
    return int(psutil.virtual_memory().total)


def share_of_cores(pool: tuple[DeviceId, ...]) -> int:
    """Return how many threads each worker on the processor gets when all workers of `pool` run at once.

    Simulated workers only sleep, and take no core.
    """
    workers = sum(device.unit == "cpu" and device.backend != "sim" for device in pool)
    return max(1, usable_cores() // max(1, workers))


def with_share_of_cores(device: DeviceId, pool: tuple[DeviceId, ...]) -> DeviceId:
    """Return a device of the processor with its threads written out, as a part of `pool`; any other as it is."""
    if device.unit != "cpu" or "threads" in dict(device.options):
        return device
    return device.with_option("threads", str(share_of_cores(pool)))


def _from_cpuinfo() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = (line.partition(":") for line in text.splitlines())
    fields = {key.strip(): value.strip() for key, _, value in lines}
    return fields.get("model name") or fields.get("Model") or fields.get("Hardware") or ""


def _from_sysctl() -> str:
    try:
        result = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"],
            capture_output=True,
            text=True,
            timeout=2,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip()


def _from_registry() -> str:
    if sys.platform == "win32":
        import winreg

        path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
                return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
        except OSError:
            return ""
    return ""
