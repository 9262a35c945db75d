"""Whether a backend offers a device here: the one check before a pool is planned, and before a model is loaded."""

from __future__ import annotations

from collections.abc import Iterable

from cluster4npu.core.devices import precision
from cluster4npu.core.devices.backend import Backend, DeviceInfo
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import DeviceUnavailable, Problem, nearest


def require_offered(
    owner: Backend, device: DeviceId, listed: Iterable[DeviceInfo] | None = None
) -> DeviceInfo:
    """Return this device as `owner` lists it; raises DeviceUnavailable where it does not, or without the precision.

    `listed` is what `owner.devices()` has returned, where the caller knows that already.
    """
    known = {info.id: info for info in (owner.devices() if listed is None else listed)}
    info = known.get(device.device)
    if info is None and not any(item.available for item in known.values()):
        info = next(iter(known.values()), None)  # the whole backend is missing: its first device says why
    if info is None or not info.available:
        raise _unavailable(owner, device, info, known)
    precision.require(owner, device, info)
    return info


def _unavailable(
    owner: Backend, device: DeviceId, info: DeviceInfo | None, known: dict[str, DeviceInfo]
) -> DeviceUnavailable:
    if info is None:
        hint = nearest(device.device, known) or "`cluster4npu devices` lists what is here."
    else:  # its reason says more than the backend's name, where it has one
        hint = (
            f"Install {owner.extra}."
            if owner.extra and owner.extra in info.reason
            else "Choose another device."
        )
    return DeviceUnavailable(
        Problem(
            f"the device '{device}' is not available" if info else f"there is no device '{device}' here",
            field="devices",
            found=info.reason if info else str(device),
            allowed=", ".join(item.id for item in known.values() if item.available),
            hint=hint,
        )
    )
