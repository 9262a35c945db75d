"""How devices are: load, temperature, power and memory as the system reports them. None is "not reported"."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil

from cluster4npu.core.devices import nvml, sysfs_gpu
from cluster4npu.core.devices.backend import DeviceHealth, DeviceInfo
from cluster4npu.core.devices.limits import Temperature, judge

_SAMPLE_S = 0.1  # psutil tells the load between two looks, and a short look tells mostly noise
_FRESH_S = 0.5
_SPEED_LIMIT = re.compile(r"CPU_Speed_Limit\s*=\s*(\d{1,3})\b")

# Sensors of processors, as Linux names them: hwmon drivers first, then thermal zones. Not acpitz: on many boards it
# is some other place, or a constant.
_CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "x86_pkg_temp", "cpu", "soc")


def health_of(device: DeviceInfo) -> DeviceHealth:
    """Return a device's health. What its backend told itself is taken as it is.

    The first look at the processor takes 0.1 s.
    """
    if device.simulated or device.health != DeviceHealth():
        return device.health
    if not device.available:
        return DeviceHealth(reason=device.reason)
    if device.kind == "cpu":
        return cpu_health()
    if device.hardware_id.startswith(nvml.PREFIX):
        return nvml.health(device.hardware_id)
    if device.hardware_id.startswith(sysfs_gpu.PREFIX):
        return sysfs_gpu.health(device.hardware_id)
    return DeviceHealth(reason="neither its driver nor the system reports on it")


_last: tuple[float, DeviceHealth] | None = None


def cpu_health() -> DeviceHealth:
    """Return the health of the processor and the main memory; half a second old at most."""
    global _last
    if _last is None or time.monotonic() - _last[0] > _FRESH_S:
        load = psutil.cpu_percent(interval=_SAMPLE_S) / 100
        memory = psutil.virtual_memory()
        temperature = hottest(_sensors())
        status, reason = judge(temperature, memory.percent / 100)
        if status == "ok" and (slowed := _slowed_by_heat()):
            status, reason = "warn", slowed
        health = DeviceHealth(
            status=status,
            reason=reason,
            temperature_c=temperature.current_c,
            utilization=min(1.0, max(0.0, load)),
            memory_used_bytes=int(memory.total - memory.available),
        )
        _last = (time.monotonic(), health)
    return _last[1]


def hottest(sensors: Mapping[str, Sequence[Any]]) -> Temperature:
    """Return the hottest of the processor's sensors, as `psutil.sensors_temperatures` lists them."""
    for wanted in _CPU_SENSORS:
        entries = [
            entry
            for name, group in sensors.items()
            if name.lower().startswith(wanted)
            for entry in group
            if _degrees(entry.current) is not None
        ]
        if entries:
            top = max(entries, key=lambda entry: float(entry.current))
            return Temperature(_degrees(top.current), _degrees(top.high), _degrees(top.critical))
    return Temperature()


def _sensors() -> Mapping[str, Sequence[Any]]:
    read = getattr(psutil, "sensors_temperatures", None)  # not on macOS and Windows
    if read is None:
        return {}
    try:
        found: Mapping[str, Sequence[Any]] = read()
    except (OSError, RuntimeError, ValueError):  # sensors that are listed and cannot be read
        return {}
    return found


def _slowed_by_heat() -> str:
    """Return what macOS says of a processor that it slows down, "" where it does not, or on other systems.

    `pmset` needs no rights; temperatures themselves macOS tells nobody without them.
    """
    system: str = sys.platform
    if system != "darwin":
        return ""
    try:
        done = subprocess.run(
            ["/usr/bin/pmset", "-g", "therm"], capture_output=True, text=True, timeout=2, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _SPEED_LIMIT.search(done.stdout)
    limit = int(found[1]) if found else 100
    return f"macOS holds the processor at {limit}% of its speed for its heat" if limit < 100 else ""


def _degrees(value: float | None) -> float | None:
    """Return a reading that can be one, else None: broken sensors give 0, negative numbers or 65261."""
    return float(value) if value is not None and math.isfinite(value) and 0 < value < 150 else None
