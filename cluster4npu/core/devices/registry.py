"""Finding backends: every module of `cluster4npu.backends`, and every entry point of the group of the same name.

They are loaded by name, never imported from here, so that the core does not depend on any of them.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cluster4npu.core import wording
from cluster4npu.core.devices.asking import ask, why_broken
from cluster4npu.core.devices.backend import (
    Absence,
    Backend,
    DeviceHealth,
    DeviceInfo,
    DeviceOptions,
    Preparation,
)
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.offered import remedy_of, require_offered
from cluster4npu.core.errors import DeviceUnavailable, DriverSilent, InputError, Problem, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "cluster4npu.backends"
_KEY = re.compile("[a-z][a-z0-9_]*")
KEPT_S = 60.0  # so long a backend is believed what it has listed
JUST_NOW_S = 2.0
_BROKEN_UNIT = "unknown"  # of the one device that stands for a backend that is broken


def backends() -> dict[str, Backend]:
    """Return one object of every backend by key. A third party's that fails to import is left out (see `broken`)."""
    return _discover()[0]


def broken() -> dict[str, str]:
    """Return why a third party's backend could not be loaded, by the name of its entry point."""
    return _discover()[1]


@cache
def _discover() -> tuple[dict[str, Backend], dict[str, str], dict[str, str]]:
    """Return the backends by key, why others could not be loaded, and which entry point a third party's came from."""
    from importlib.metadata import entry_points  # what a worker can do without, for its start's sake

    found, failed, came_from = dict(own()), {}, {}
    entries = list(entry_points(group=GROUP))
    why = why_broken(entries)
    for entry in entries:
        try:
            if why[entry.name]:
                failed[entry.name] = _package(entry) + why[entry.name]
                continue
            backend = third_party(entry, found)
        except (Exception, SystemExit) as error:  # someone else's code: it becomes unavailable, not we
            failed[entry.name] = _package(entry) + line_of(error)
        else:
            found[backend.key], came_from[backend.key] = backend, entry.name
    return found, failed, came_from


@cache
def own() -> dict[str, Backend]:
    """Return one object of every backend that comes with this program, by key."""
    package = importlib.import_module(GROUP)
    modules = [info.name for info in pkgutil.iter_modules(package.__path__)]
    return {backend.key: backend for name in modules for backend in _of_module(name)}


@cache
def _of_module(name: str) -> tuple[Backend, ...]:
    module = importlib.import_module(f"{GROUP}.{name}")
    classes = [item for item in vars(module).values() if inspect.isclass(item) and issubclass(item, Backend)]
    return tuple(
        item() for item in classes if item.__module__ == module.__name__ and not inspect.isabstract(item)
    )


def _by_file_name(key: str) -> Backend | None:
    """Return a backend of ours whose file has its name, without importing any other: a worker needs no more."""
    if not _KEY.fullmatch(key) or importlib.util.find_spec(f"{GROUP}.{key}") is None:
        return None
    return next((backend for backend in _of_module(key) if backend.key == key), None)


def third_party(entry: EntryPoint, found: Mapping[str, Backend]) -> Backend:
    """Return the backend behind an entry point, beside those that were `found`; raises whatever its code does."""
    backend = entry.load()()
    if not isinstance(backend, Backend):
        raise TypeError(f"{entry.value} is no Backend")
    if not _KEY.fullmatch(backend.key):
        raise ValueError(f"its key {backend.key!r} is no name of small letters, digits and _")
    if backend.key in found:
        raise ValueError(f"its key '{backend.key}' belongs to the backend '{found[backend.key].title}'")
    return backend


def _package(entry: EntryPoint) -> str:
    return f"package {entry.dist.name}: " if entry.dist else ""


def line_of(error: BaseException) -> str:
    """Return what someone else's code has raised, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]


def backend(key: str) -> Backend:
    """Return one backend; raises DeviceUnavailable that names the nearest key."""
    if (found := _by_file_name(key)) is not None:
        return found
    known = backends()
    if key not in known:
        reason = broken().get(key)
        raise DeviceUnavailable(
            Problem(
                f"the backend '{key}' could not be loaded" if reason else f"there is no backend '{key}'",
                field="devices",
                found=reason or key,
                allowed=", ".join(known),
                hint=nearest(key, known) or "`cluster4npu devices` lists what is here.",
            )
        )
    return known[key]


def is_simulated(text: str) -> bool:
    """Tell whether a device id (as written) names a simulated device; False for what is no id."""
    try:
        return backend(DeviceId.parse(text).backend).simulated
    except InputError:
        return False


def device_options(device: DeviceId) -> DeviceOptions:
    """Read a device id's options with its backend's own model; raises InputError naming the wrong one."""
    model = backend(device.backend).Options
    try:
        return model.model_validate(dict(device.options))
    except ValidationError as error:
        item = error.errors(include_url=False)[0]
        name = str(item["loc"][0]) if item["loc"] else ""
        unknown = item["type"] == "extra_forbidden"
        options = ", ".join(model.model_fields) or "no options"
        raise InputError(
            Problem(
                f"device option '{name}' is unknown" if unknown else f"device option '{name}' cannot be that",
                field="devices",
                found=str(device),
                allowed=options if unknown else wording.allowed(item) or wording.message(item),
                hint=(nearest(name, model.model_fields) or "Leave it out.")
                if unknown
                else "Write one that is allowed, or leave the option out.",
            )
        ) from error


def settle(devices: tuple[DeviceId, ...]) -> tuple[DeviceId, ...]:
    """Return the pool with every option written out that depends on the pool as a whole."""
    return tuple(backend(d.backend).settle(d, devices) for d in devices)


def reads(key: str, model: Path | None) -> bool:
    """Tell whether this backend reads such a model file; any does where nobody knows the file's suffix."""
    known = backends()
    if model is None or not known[key].suffixes:
        return True
    suffix = model.suffix.lower()
    return suffix in known[key].suffixes or all(suffix not in item.suffixes for item in known.values())


def loads_as_it_is(info: DeviceInfo, model: Path | None) -> bool:
    """Tell whether a device reads such a model file without a conversion, which may fail: what a default pool is of."""
    owner = backends().get(info.backend)
    if model is None or owner is None:
        return True
    if not reads(info.backend, model):
        return False
    return owner.preparation(DeviceId.parse(info.id), model) is Preparation.NONE


def require_reader(device: DeviceId, model: Path | None) -> None:
    """Raise DeviceUnavailable when the backend of this device does not read such a model file."""
    if model is not None and not reads(device.backend, model):
        readers = [key for key, item in backends().items() if not item.simulated and reads(key, model)]
        raise DeviceUnavailable(
            Problem(
                f"'{device}' cannot run this model",
                field="devices",
                found=model.name,
                allowed=f"{backend(device.backend).title} reads {', '.join(backend(device.backend).suffixes)}",
                hint=f"Choose a device of: {', '.join(readers)}.",
            )
        )


def require_available(device: DeviceId, model: Path | None = None) -> DeviceInfo:
    """Return a device as its backend lists it; `model` is what it is to run, for the error's sake.

    Raises DeviceUnavailable when that is as unavailable, or not at all, or without the precision that is asked for.
    """
    owner = backend(device.backend)
    if owner.simulated:
        return _simulated(owner, device)  # any name will do; its options are checked when it is loaded
    known = listed(owner.key)
    if not any(info.id == device.device and info.available for info in known):
        known = listed(owner.key, JUST_NOW_S)  # it may have come meanwhile
    if any(info.id == _broken_id(owner.key) for info in known):
        (info,) = known
        message = f"the driver behind '{device}' does not answer"
        raise DriverSilent(Problem(message, field="devices", found=info.cause, hint=remedy_of(info)))
    return require_offered(owner, device, known, lambda: [d.id for d in detect(model) if _truly_here(d)])


def _truly_here(device: DeviceInfo) -> bool:
    return device.available and not device.simulated


def _simulated(owner: Backend, device: DeviceId) -> DeviceInfo:
    known = {info.id: info.kind for info in owner.devices()}
    name, kind = f"Simulated {device.unit}", known.get(device.device, "unknown")
    health = DeviceHealth(reason="simulated")
    return DeviceInfo(device.device, name, kind, owner.key, simulated=True, health=health)


def detect(
    model: Path | None = None, *, age_s: float = KEPT_S, told: Callable[[str], None] | None = None
) -> list[DeviceInfo]:
    """Return every device that any backend sees, available or not, real ones first.

    With `model`, only those of backends that read such a file; the others are not even asked. Backends are asked in
    another process: a driver that hangs or crashes is one unavailable device, whose reason says so, as is a backend
    that raises. Answers of the last `age_s` are taken again. `told` gets a line when a backend takes long.
    """
    keys = [key for key in backends() if reads(key, model)]
    answers = _ask(keys, told, age_s)
    found = [info for key in keys for info in answers[key]]
    found += [_broken_device(name, reason) for name, reason in broken().items()]
    return sorted(found, key=lambda d: (d.simulated, not d.available))


def listed(key: str, age_s: float = KEPT_S) -> list[DeviceInfo]:
    """Return what one backend lists, asked as `detect` does and at most `age_s` ago."""
    return _ask([key], None, age_s)[key]


def remembered(device: str) -> DeviceInfo | None:
    """Return a device (its id without options) as its backend has last listed it here; None: nobody has asked."""
    _, known = _kept.get(device.partition(":")[0], (0.0, []))
    return next((info for info in known if info.id == device), None)


_kept: dict[
    str, tuple[float, list[DeviceInfo]]
] = {}  # by the backend's key: when it was asked, and the answer


def _ask(
    keys: Sequence[str], told: Callable[[str], None] | None, age_s: float
) -> dict[str, list[DeviceInfo]]:
    """Return what these backends list, asked at most `age_s` ago; those that only simulate are asked right here."""
    known, entries = backends(), _discover()[2]
    now = time.monotonic()
    old = [key for key in keys if key not in _kept or now - _kept[key][0] >= age_s]
    apart = {f"entry:{entries[key]}" if key in entries else f"own:{key}": key for key in old}
    for name in [name for name, key in apart.items() if known[key].simulated and key not in entries]:
        key = apart.pop(name)
        _kept[key] = (now, known[key].devices())
    for name, answer in ask(list(apart), told=told).items():
        key = apart[name]
        _kept[key] = (time.monotonic(), [_broken_device(key, answer)] if isinstance(answer, str) else answer)
    return {key: _kept[key][1] for key in keys}


def devices_of(backend: Backend) -> list[DeviceInfo]:
    """Return what a backend lists, asked in this very process; where that raises, one device that says why."""
    try:
        return backend.devices()
    except Exception as error:  # a third party's; our own never raise here
        return [_broken_device(backend.key, line_of(error))]


def _broken_device(name: str, reason: str) -> DeviceInfo:
    why = Absence(f"the backend could not be loaded: {reason}", "update its driver or its package")
    return why.of(DeviceInfo(_broken_id(name), name, "unknown", name))


def _broken_id(name: str) -> str:
    key = re.sub("[^a-z0-9_]+", "_", name.lower())
    return f"{key if _KEY.fullmatch(key) else 'x_' + key}:{_BROKEN_UNIT}"
