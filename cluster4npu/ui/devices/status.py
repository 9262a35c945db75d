"""How a device is, as a word and the name of a colour: by its health, and by what it does in the run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cluster4npu.core.devices.backend import DeviceHealth, DeviceInfo
from cluster4npu.core.devices.configured import device_of
from cluster4npu.core.metrics.snapshot import DeviceSnapshot
from cluster4npu.core.metrics.summary import DeviceSummary
from cluster4npu.ui.text import tr

_HEALTH = {"ok": ("ok", "ok"), "warn": ("warning", "warn"), "fail": ("failing", "fail")}


@dataclass(frozen=True, slots=True)
class InRun:
    """What a device does in the run, or did: a word, the name of its colour, and all of it in one line."""

    word: str
    role: str
    detail: str


def health_word(health: DeviceHealth) -> tuple[str, str]:
    """Return a health as (word, name of the theme's colour): green, yellow, red, or grey for unknown."""
    word, role = _HEALTH.get(health.status, ("unknown", "muted"))
    return tr(word), role


def status_of(device: DeviceInfo, run: InRun | None = None) -> tuple[str, str]:
    """Return a device's status as (word, name of the theme's colour); what it does in the run comes first."""
    if run is not None:
        return run.word, run.role
    if not device.available:
        return tr("not here"), "muted"
    if device.simulated:
        return tr("SIMULATED"), "simulated"
    return health_word(device.health)


def in_run(workers: Iterable[DeviceSnapshot]) -> dict[str, InRun]:
    """Return what each device does at the moment, by its id without options and number."""
    groups: dict[str, list[DeviceSnapshot]] = {}
    for worker in workers:
        groups.setdefault(device_of(worker.id), []).append(worker)
    return {device: _now(group) for device, group in groups.items()}


def after_run(workers: Iterable[DeviceSummary]) -> dict[str, InRun]:
    """Return what has to be told of devices after the run: who failed, and who left the model to the processor."""
    found = {}
    for worker in workers:
        if worker.failed:
            found[device_of(worker.id)] = InRun(tr("failed"), "fail", worker.failed)
        elif worker.fell_back:
            found.setdefault(device_of(worker.id), _fell_back(worker.unit))
    return found


def _now(group: list[DeviceSnapshot]) -> InRun:
    failed = [worker for worker in group if worker.state == "failed"]
    if failed:
        some = tr("{0} of {1} failed").format(len(failed), len(group))
        return InRun(
            some if len(failed) < len(group) else tr("failed"), "fail", tr("It gets no frames any more.")
        )
    if away := [worker for worker in group if worker.state in ("starting", "restarting")]:
        return InRun(tr(away[0].state), "warn", tr("It gets frames when it is there."))
    if fallen := [worker for worker in group if worker.fell_back]:
        return _fell_back(fallen[0].unit)
    busy = sum(worker.busy for worker in group) / len(group)
    rate = sum(worker.fps for worker in group)
    units = ", ".join(dict.fromkeys(worker.unit for worker in group))
    detail = tr("{0:.1f} frames/s, run by {1}").format(rate, units)
    return InRun(tr("busy {0:.0%}").format(busy), "ok", detail)


def _fell_back(unit: str) -> InRun:
    return InRun(tr("ON THE CPU"), "warn", tr("Its runtime ran the whole model on {0}.").format(unit))
