"""Looks at a device's health, each of which is kept."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict

from cluster4npu.core.devices import history, registry
from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.devices.health import health_of
from cluster4npu.core.devices.history import Sample


def look_at(device: DeviceInfo) -> tuple[Sample, ...]:
    """Look at a device once, keep that, and return it after the looks before."""
    health = asdict(health_of(device))
    health.pop("reason")
    return history.append(device.id, Sample(at=round(time.time(), 6), **health))


def looks_since(device: str, since: float) -> tuple[Sample, ...]:
    """Return the looks at a device (its id without options) since then (seconds since 1970), and one of now.

    No driver is asked anew: a device that this process has not listed is not looked at now, and a simulated one never.
    """
    info = registry.remembered(device)
    if info is None or not info.available:
        return tuple(look for look in history.load(device) if look.at >= since)
    return () if info.simulated else tuple(look for look in look_at(info) if look.at >= since)


def together(stored: Iterable[Sample], kept: Iterable[Sample]) -> tuple[Sample, ...]:
    """Return the looks of the store and those that are kept beside it, oldest first, each of them once."""
    found = {round(look.at, 6): look for look in (*stored, *kept)}
    return tuple(found[at] for at in sorted(found))
