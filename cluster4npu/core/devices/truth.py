"""What really ran a model, against what was asked for: the one rule by which a fallback to the processor is told."""

from __future__ import annotations

from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import InputError

CPU = "cpu"
UNKNOWN = "unknown"
_SIMULATED = "simulated "


def fell_back(device: str, unit: str) -> bool:
    """Tell whether an accelerator was asked for (a device id) and the runtime says that the processor ran it all.

    `unit` is what `Session.unit` says: "cpu", "cuda", "cuda + cpu" (both took part), "unknown". What is unknown is
    no fallback, and no accelerator either.
    """
    if unit.removeprefix(_SIMULATED) != CPU:
        return False
    try:
        asked = DeviceId.parse(device).unit
    except InputError:
        return False
    return CPU not in asked.lower().split(":")


def warning(device: str, unit: str) -> str:
    """Return what a run tells about a device that fell back."""
    return f"{device} did not run on what was asked for: its runtime ran the whole model on the processor ({unit})"
