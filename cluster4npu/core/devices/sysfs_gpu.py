"""Health of GPUs from Linux's sysfs, where the kernel's driver tells it: AMD's `amdgpu`, in parts Intel's.

Names and units as in the kernel's documentation (gpu/amdgpu/thermal, hwmon/sysfs-interface): temperatures in
thousandths of a degree, power in millionths of a watt.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cluster4npu.core.devices.backend import DeviceHealth
from cluster4npu.core.devices.limits import Temperature, judge

PREFIX = "PCI-"
_DEVICES = Path("/sys/bus/pci/devices")


def hardware_id(domain: int, bus: int, device: int) -> str:
    """Return the name of a card by its place on the PCI bus."""
    return f"{PREFIX}{domain:04x}:{bus:02x}:{device:02x}.0"


def health(name: str, devices: Path = _DEVICES) -> DeviceHealth:
    """Return the health of the card with this `hardware_id`; what the driver does not tell stays None."""
    card = devices / name.removeprefix(PREFIX)
    sensors = sorted(card.glob("hwmon/hwmon*"))
    temperature = max(
        (_temperature(s) for s in sensors), key=lambda t: t.current_c or 0.0, default=Temperature()
    )
    busy, used = _number(card / "gpu_busy_percent"), _number(card / "mem_info_vram_used")
    total = _number(card / "mem_info_vram_total")
    power = _first(_number(s / name) for s in sensors for name in ("power1_average", "power1_input"))
    if temperature.current_c is None and busy is None and used is None and power is None:
        return DeviceHealth(reason="its driver does not report on it")
    status, reason = judge(temperature, used / total if used is not None and total else None)
    return DeviceHealth(
        status=status,
        reason=reason,
        temperature_c=temperature.current_c,
        utilization=None if busy is None else min(1.0, busy / 100),
        power_w=None if power is None else power / 1e6,
        memory_used_bytes=None if used is None else int(used),
    )


def _temperature(sensor: Path) -> Temperature:
    """Return the hottest of a sensor's places, with that place's own critical limit."""
    places = [path.name.removesuffix("_input") for path in sorted(sensor.glob("temp*_input"))]
    found = [
        Temperature(current / 1e3, critical_c=None if critical is None else critical / 1e3)
        for place in places
        if (current := _number(sensor / f"{place}_input")) is not None and current > 0
        for critical in (_number(sensor / f"{place}_crit"),)
    ]
    return max(found, key=lambda t: t.current_c or 0.0, default=Temperature())


def _first(values: Iterable[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):  # not there, or asleep: a card that is off answers with an error
        return None
