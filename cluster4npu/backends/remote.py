"""Devices of other machines: `remote:HOST:PORT` is what `cluster4npu worker` lends there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.devices.backend import (
    Absence,
    Backend,
    DeviceHealth,
    DeviceInfo,
    DeviceOptions,
    Session,
)
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.devices.null import NullSession
from cluster4npu.core.devices.remote import SECRET, WORKERS, Link, named, parse_address
from cluster4npu.core.errors import Cluster4NPUError, DeviceUnavailable, Problem, RunFailed, one_line

_TUPLES = ("input_shape", "output_names", "labels")


class RemoteBackend(Backend):
    """Sends what goes into the model to another machine, and gets what comes out of it."""

    key = "remote"
    title = "Other machines"

    def devices(self) -> list[DeviceInfo]:
        if not named():
            why = Absence("no other machine is named", f"set {WORKERS}=HOST:PORT and {SECRET}")
            return [why.of(DeviceInfo("remote:worker", "Worker on another machine", "cpu", self.key))]
        return [self._describe(address) for address in dict.fromkeys(named())]

    def _describe(self, address: str) -> DeviceInfo:
        info = DeviceInfo(f"remote:{address}", f"Worker at {address}", "cpu", self.key)
        try:
            parse_address(address)
            link = Link.to(address)
            try:
                hello, _ = link.ask({"do": "hello"})
            finally:
                link.close()
        except (Cluster4NPUError, OSError, EOFError) as error:
            problem = error.problems[0] if isinstance(error, Cluster4NPUError) else Problem(one_line(error))
            found = f"{problem.message}: {problem.found}" if problem.found else problem.message
            if "is no address" in problem.message:
                info = DeviceInfo("remote:worker", "Worker on another machine", "cpu", self.key)
            return Absence(found, problem.hint.rstrip(".")).of(info)
        kind = hello["kind"] if hello["kind"] in ("cpu", "gpu", "npu", "ane") else "cpu"
        name = f"{hello['name']} at {address} ({hello['device']})"
        health = DeviceHealth(reason="another machine: its load and temperature are not reported here")
        return DeviceInfo(info.id, name, kind, self.key, health=health)

    def load(self, model: Path | None, device: DeviceId, options: DeviceOptions) -> Session:
        if device.unit not in named():
            hint = f"Name it in the environment variable {WORKERS}; other machines are never connected to."
            found = ", ".join(named()) or "none"
            problem = Problem(f"'{device}' is not named here", field="devices", found=found, hint=hint)
            raise DeviceUnavailable(problem)
        return NullSession() if model is None else RemoteSession(model, device)


class RemoteSession(Session):
    """A model that is loaded on another machine. Where that goes away, frames fail, and its worker is started again."""

    def __init__(self, model: Path, device: DeviceId) -> None:
        self._address = device.unit
        self._link = Link.to(self._address)
        try:
            loaded = self._load(model)
        except (OSError, EOFError) as error:
            raise DeviceUnavailable(self._gone(error)) from error
        info: dict[str, Any] = loaded["info"]
        info |= {key: tuple(info[key]) for key in _TUPLES}
        info["output_shapes"] = tuple(tuple(shape) for shape in info["output_shapes"])
        self.info = ModelInfo(**{**info, "path": str(model)})
        self.unit = loaded["unit"] if loaded["fell_back"] else f"{loaded['unit']} at {self._address}"
        self.unit_detail = loaded["unit_detail"]

    def _load(self, model: Path) -> dict[str, Any]:
        """Have the model loaded there; its file is sent where they do not have it yet."""
        data = np.fromfile(model, np.uint8)
        which = {"sha256": hashlib.sha256(data.data).hexdigest(), "suffix": model.suffix}
        known, _ = self._link.ask({"do": "have", **which})
        loaded, _ = self._link.ask({"do": "load", **which}, [] if known["have"] else [data])
        return loaded

    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        try:
            return self._link.ask({"do": "infer"}, [batch])[1]
        except (OSError, EOFError) as error:
            raise RunFailed(self._gone(error)) from error

    def _gone(self, error: Exception) -> Problem:
        return Problem(
            f"the worker at {self._address} is gone",
            field="devices",
            found=one_line(error) or "it hung up",
            hint="Look whether `cluster4npu worker` still runs there, and the network.",
        )

    def close(self) -> None:
        self._link.close()
