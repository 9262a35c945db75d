"""Which devices run which stage: the record, and the checks before a pipeline gets it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster4npu.core.devices import exclusive, precision, registry
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import InputError, Problem, nearest


@dataclass(frozen=True, slots=True)
class DeviceAllocation:
    """Devices by stage (the id of its inference node), the fastest first.

    `fps` is what they made together (of several stages, what the slowest made), `rates` what each of them did then
    (frames/s), `exact` whether no allocation of these rates is faster (of many devices and stages the search ends with
    the best one found), `left_out` why a device that was asked for is not used. Without measurements there are none.
    """

    stages: Mapping[str, tuple[str, ...]]
    fps: float | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False
    predicted: bool = False  # `fps` was not measured as a whole, but follows from the rates
    exact: bool = True


def check(models: Mapping[str, Path | None], stages: object) -> list[Problem]:
    """Return every problem of an allocation (a mapping of stages to lists of device ids, where it is right).

    `models` are the model files by stage (None: the one of no model).
    """
    found: list[Problem] = []
    if not isinstance(stages, Mapping):
        hint = "Write {'inference': ['onnx:cpu']}."
        said = type(stages).__name__
        return [
            _problem("an allocation gives devices to stages", "", said, "a mapping of lists of ids", hint)
        ]
    if not stages:
        hint = "Name a stage and its devices." if models else "Add an inference node to the pipeline."
        found.append(_problem("this allocation gives no stage a device", "", "{}", ", ".join(models), hint))
    owner: dict[str, str] = {}
    taken: list[DeviceId] = []
    for stage, devices in stages.items():
        if stage not in models:
            name = str(stage)
            hint = nearest(name, models) or "Name an inference node of this pipeline."
            found.append(_problem("there is no such stage", name, name, ", ".join(models), hint))
            continue
        if isinstance(devices, str) or not isinstance(devices, Iterable):
            hint = f"Write [{devices!r}]." if isinstance(devices, str) else "Write ['onnx:cpu']."
            found.append(
                _problem("a stage takes a list of devices", stage, str(devices), "a list of ids", hint)
            )
            continue
        asked = list(devices)
        if not asked:
            found.append(_problem("this stage has no device", stage, "none", "one or more", "Name a device."))
        for text in asked:
            try:
                device = DeviceId.parse(text)
                _require_fit(device, models[stage])
                if str(device) not in owner:
                    exclusive.refuse_second_workers([*taken, device])
            except InputError as error:
                found += [_problem(p.message, stage, p.found, p.allowed, p.hint) for p in error.problems]
                continue
            if str(device) in owner:
                where = owner[str(device)]
                both = f"to '{stage}'" if where == stage else f"to '{where}' and '{stage}'"
                twice = f"a device is given twice, {both}"
                hint = f"For a second worker on it write {device.device}#2."
                found.append(_problem(twice, stage, str(device), "", hint))
            owner.setdefault(str(device), stage)
            taken.append(device)
    return found


def _require_fit(device: DeviceId, model: Path | None) -> None:
    """Raise InputError or DeviceUnavailable where this device cannot run this model."""
    (settled,) = registry.settle((device,))
    registry.device_options(settled)
    registry.require_available(device, model)
    registry.require_reader(device, model)
    precision.require_model(device, model)


def _problem(message: str, stage: str, found: str, allowed: str, hint: str) -> Problem:
    return Problem(message, node=stage, field="devices", found=found, allowed=allowed, hint=hint)
