"""The conditions of a measurement: machine, versions, power source, load. What is unknown is None."""

from __future__ import annotations

import platform
import re
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = (
    "cluster4npu", "numpy", "onnxruntime", "openvino", "torch", "coremltools", "opencv-python-headless",
    "duckdb",
)  # fmt: skip


def conditions() -> dict[str, Any]:
    """Return host, versions of every runtime that is installed, power source and load, as they are now.

    Takes about 0.1 s (the load is that of the moment). Temperatures are in degrees Celsius, clocks in MHz.
    """
    return {
        "host": dict(_host()),
        "versions": dict(_versions()),
        "power_source": _power_source(),
        "load": {
            "cpu": round(psutil.cpu_percent(interval=0.1) / 100, 3),  # 0..1 of all cores
            "average_1min": _load_average(),
            "memory_available_bytes": psutil.virtual_memory().available,
        },
        "clock_mhz": _clock(),
        "temperature_c": _temperature(),
    }


@cache
def _host() -> dict[str, Any]:
    return {
        "name": platform.node(),
        "os": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu": _cpu_name(),
        "cores": psutil.cpu_count(logical=True),
        "physical_cores": psutil.cpu_count(logical=False),
        "memory_bytes": psutil.virtual_memory().total,
    }


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu_name() -> str:
    """Return the processor's name; `platform.processor` knows it only on Windows."""
    if sys.platform == "linux":
        info = Path("/proc/cpuinfo")
        text = info.read_text("utf-8", errors="replace") if info.is_file() else ""
        match = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", text, re.MULTILINE)
        if match:
            return match[1].strip()
    return platform.processor() or platform.machine()


def _power_source() -> str | None:
    """Return "mains" or "battery"; None on a machine that does not tell."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None or battery.power_plugged is None:
        return None
    return "mains" if battery.power_plugged else "battery"


def _load_average() -> float | None:
    try:
        return float(psutil.getloadavg()[0])
    except OSError:
        return None


def _clock() -> float | None:
    try:
        clock = psutil.cpu_freq()
    except (OSError, NotImplementedError, RuntimeError):  # containers and some ARM boards
        return None
    return float(getattr(clock, "current", 0.0)) or None  # where it is unknown, psutil returns None


def _temperature() -> float | None:
    """Return the hottest CPU sensor, where the system has one."""
    read = getattr(psutil, "sensors_temperatures", None)
    if read is None:
        return None
    try:
        sensors = read()
    except OSError:
        return None
    values = [entry.current for entries in sensors.values() for entry in entries if entry.current]
    return float(max(values)) if values else None
