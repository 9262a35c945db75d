"""What to think of a device's readings: ok, warn or fail, and why.

Limits of temperature are the sensor's own; where it names none, `WARN_C` is used.
"""

from __future__ import annotations

from dataclasses import dataclass

WARN_C = 95.0
WARN_MEMORY = 0.95


@dataclass(frozen=True, slots=True)
class Temperature:
    """The hottest sensor of a device, in degrees Celsius, with its own limits where it names them."""

    current_c: float | None = None
    high_c: float | None = None
    critical_c: float | None = None


def judge(temperature: Temperature, memory_used: float | None) -> tuple[str, str]:
    """Return (status, reason) of a device that answers, from its temperature and the used part of its memory."""
    current, critical = temperature.current_c, temperature.critical_c
    high = temperature.high_c or critical or WARN_C
    if current is not None and critical is not None and current >= critical:
        return "fail", f"{current:.0f} deg C, critical from {critical:.0f}"
    if current is not None and current >= high:
        return "warn", f"{current:.0f} deg C, hot from {high:.0f}: it may slow itself down"
    if memory_used is not None and memory_used >= WARN_MEMORY:
        return "warn", f"{memory_used:.0%} of its memory is used"
    return "ok", "" if current is not None else "temperature not reported"
