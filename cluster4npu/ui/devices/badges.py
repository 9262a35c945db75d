"""The colour of each worker, the same on canvas, timeline and panel; its name always stands beside it."""

from __future__ import annotations

from cluster4npu.core.devices.configured import device_of
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui import theme


def is_device(text: str) -> bool:
    """Tell whether this line is a device id."""
    return device_of(text) != ""


def numbered(config: PipelineConfig) -> dict[str, dict[str, int]]:
    """Return the number of each worker by node and as it is written, in the order in which a run has them."""
    found: dict[str, dict[str, int]] = {}
    number = 0
    for node in config.nodes:
        devices = node.params.get("devices")
        if isinstance(devices, list | tuple):
            found[node.id] = {str(text): number + at for at, text in enumerate(devices)}
            number += len(devices)
    return found


def worker_color(number: int) -> str:
    """Return the colour of the worker with this number."""
    return theme.colors().line(number)


def workers_of(device: str, config: PipelineConfig) -> dict[str, int]:
    """Return all workers that a pipeline has on this device, as they are written, with their numbers."""
    workers = [pair for devices in numbered(config).values() for pair in devices.items()]
    return {text: number for text, number in workers if device_of(text) == device}


def colors_of(device: str, config: PipelineConfig) -> list[str]:
    """Return the colours of all workers that a pipeline has on this device."""
    return [worker_color(number) for number in workers_of(device, config).values()]
