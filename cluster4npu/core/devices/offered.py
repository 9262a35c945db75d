"""Whether a backend offers a device here: the one check before a pool is planned, and before a model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cluster4npu.core.devices import precision
from cluster4npu.core.devices.backend import Backend, DeviceInfo
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import DeviceUnavailable, Problem, nearest


def require_offered(
    owner: Backend,
    device: DeviceId,
    listed: Iterable[DeviceInfo] | None = None,
    instead: Callable[[], Iterable[str]] | None = None,
) -> DeviceInfo:
    """Return this device as `owner` lists it; raises DeviceUnavailable where it does not, or without the precision.

    `listed` is what `owner.devices()` has returned, where the caller knows that already; `instead` tells which devices
    are here (by default those of `owner`).
    """
    known = {info.id: info for info in (owner.devices() if listed is None else listed)}
    info = known.get(device.device)
    if info is None and not any(item.available for item in known.values()):
        info = next(iter(known.values()), None)  # the whole backend is missing: its first device says why
    if info is None or not info.available:
        here = instead() if instead is not None else (item.id for item in known.values() if item.available)
        raise _unavailable(device, info, known, ", ".join(here))
    precision.require(owner, device, info)
    return info


def _unavailable(
    device: DeviceId, info: DeviceInfo | None, known: Iterable[str], allowed: str
) -> DeviceUnavailable:
    if info is None:
        message, found = f"there is no device '{device}' here", str(device)
        hint = nearest(device.device, known) or "`cluster4npu devices` lists what is here."
    else:
        message, found = f"the device '{device}' is not available", info.cause
        hint = remedy_of(info)
    return DeviceUnavailable(Problem(message, field="devices", found=found, allowed=allowed, hint=hint))


def remedy_of(info: DeviceInfo) -> str:
    """Return what to do about a device that is not here, as an error's last line."""
    remedy = info.remedy[:1].upper() + info.remedy[1:]
    return f"{remedy}, or choose another device." if remedy else "Choose another device."
