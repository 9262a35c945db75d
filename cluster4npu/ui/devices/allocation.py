"""Giving devices to stages and taking them away: one edit of the document each, undone like any other."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from cluster4npu.core.devices.allocation import check
from cluster4npu.core.devices.configured import device_of
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import resolve_path
from cluster4npu.ui.devices.badges import is_device
from cluster4npu.ui.document import Document


def stages_of(config: PipelineConfig) -> dict[str, tuple[str, ...]]:
    """Return the devices of each inference node, as they are written."""
    return {node.id: _devices(config, node.id) for node in config.nodes if node.type == "inference"}


def give(document: Document, device: str, stage: str) -> Problem | None:
    """Add a device to a stage; a second worker of it gets the next free number. Returns why not, else None."""
    config = document.config
    stages = stages_of(config)
    if stage not in stages:
        return Problem(
            "a device can be given to an inference node only",
            node=stage,
            field="devices",
            found=device,
            allowed=", ".join(stages) or "an inference node",
            hint="Drop it on an inference node.",
        )
    if not is_device(device):
        return Problem(
            "this is no device",
            node=stage,
            field="devices",
            found=device[:100],
            allowed="a device of the panel Devices",
            hint="Drag a device from there.",
        )
    taken = {text for devices in stages.values() for text in devices}
    wanted = DeviceId.parse(device).device
    text = next(name for n in range(1, 1000) if (name := wanted + (f"#{n}" if n > 1 else "")) not in taken)
    model = str(config.node(stage).params.get("model", NO_MODEL))
    path = None if model == NO_MODEL else resolve_path(model, config.base)
    if problems := check({stage: path}, {stage: [text]}):
        return problems[0]
    chosen: list[JsonValue] = [*stages[stage], text]
    changed = config.with_params(stage, devices=chosen)
    document.apply(changed, f"Give {text} to {stage}")
    return None


def workers_on(device: str, devices: Sequence[str]) -> list[str]:
    """Return those of a stage's devices, as written, that are workers on this one, with any number and options."""
    return [text for text in devices if device_of(text) == device]


def take(document: Document, device: str, stage: str) -> None:
    """Take a device from a stage."""
    left: list[JsonValue] = [d for d in stages_of(document.config)[stage] if d != device]
    document.apply(document.config.with_params(stage, devices=left), f"Take {device} from {stage}")


def _devices(config: PipelineConfig, stage: str) -> tuple[str, ...]:
    value = config.node(stage).params.get("devices", ())
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()
