"""Devices that a pipeline names and nothing here lists: simulated ones of any speed, and those that are gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cluster4npu.core.devices.backend import Absence, DeviceHealth, DeviceInfo
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.registry import is_simulated
from cluster4npu.core.errors import InputError

if TYPE_CHECKING:
    from cluster4npu.core.pipeline.config import PipelineConfig


def configured(config: PipelineConfig, found: Sequence[DeviceInfo]) -> list[DeviceInfo]:
    """Return the devices that a pipeline names and that were not found: simulated ones are as good as any."""
    known = {device.id for device in found}
    pools = (node.params.get("devices") for node in config.nodes)
    texts = (str(text) for pool in pools if isinstance(pool, list | tuple) for text in pool)
    return [_named(name) for name in dict.fromkeys(map(device_of, texts)) if name and name not in known]


def device_of(text: str) -> str:
    """Return the device behind a worker as it is written: without options and number; "" for what is no id."""
    try:
        return DeviceId.parse(text).device
    except InputError:
        return ""


def _named(name: str) -> DeviceInfo:
    device = DeviceId.parse(name)
    if is_simulated(name):
        health = DeviceHealth(reason="simulated")
        about = f"Simulated {device.unit}, of this pipeline"
        return DeviceInfo(name, about, "unknown", device.backend, simulated=True, health=health)
    why = Absence("this pipeline names it, and it was not found here", "plug it in, or choose another device")
    return why.of(DeviceInfo(name, device.unit, "unknown", device.backend))
