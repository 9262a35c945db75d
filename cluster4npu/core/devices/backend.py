"""What a backend is: one file in `cluster4npu.backends` (or an entry point) that runs models on one runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from cluster4npu.core.devices.batches import require_named
from cluster4npu.core.devices.blank import tried
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model import ModelCost, ModelInfo

MOST_BATCH = 64  # inputs of a model at once


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """Health as the system reports it; None is "not reported"."""

    status: str = "unknown"  # ok, warn, fail, unknown
    reason: str = ""
    temperature_c: float | None = None
    utilization: float | None = None  # 0..1
    power_w: float | None = None
    memory_used_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One device that a backend could use; `available` False says in `reason` why not and what to do.

    `remedy` is the second part of that alone, "" where nothing helps; `Absence.of` makes both.
    """

    id: str
    name: str
    kind: str  # cpu, gpu, npu, ane; unknown: of a backend that could not be loaded
    backend: str
    available: bool = True
    reason: str = ""
    simulated: bool = False
    memory_bytes: int | None = None
    precisions: tuple[str, ...] = ()
    health: DeviceHealth = field(default_factory=DeviceHealth)
    hardware_id: str = (
        ""  # as its driver names it ("GPU-..."): its health is asked for with it, a pool has it once
    )
    remedy: str = ""

    @property
    def cause(self) -> str:
        """Return why it is not here, without what to do."""
        return self.reason.removesuffix(f"; {self.remedy}")


@dataclass(frozen=True, slots=True)
class Absence:
    """Why a device is not here, and what to do ("install ..."); "" where nothing helps, as on another system."""

    cause: str
    remedy: str = ""

    def of(self, info: DeviceInfo) -> DeviceInfo:
        """Return the device as one that is not here."""
        reason = f"{self.cause}; {self.remedy}" if self.remedy else self.cause
        return replace(info, available=False, reason=reason, remedy=self.remedy)


class DeviceOptions(BaseModel):
    """Base of a backend's options: what may stand behind the `?` of its device ids (unknown names are refused)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    batch: int | None = Field(
        default=None,
        ge=1,
        le=MOST_BATCH,
        description="Frames (or crops) that go into the model at once; not given: as many as measuring shows to pay.",
    )


class Preparation(Enum):
    """What has to be done to a model file before a device can load it."""

    NONE = "none"
    CONVERT = "convert"  # from the file alone
    CALIBRATE = "calibrate"  # with frames of the user's own source


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the user's own source gives the model: each of `batches` holds one array for each of its inputs by name."""

    batches: Sequence[Mapping[str, np.ndarray]]

    @classmethod
    def of_images(cls, input_name: str, images: Sequence[np.ndarray]) -> Calibration:
        """Return that of a model with one input: `images` are 1 x 3 x H x W each, of the model's dtype, borrowed."""
        return cls([{input_name: image} for image in images])


class Session(ABC):
    """A loaded model on one device, used by one thread of one process."""

    info: ModelInfo
    unit: str = (
        "unknown"  # which unit really runs it, as the runtime itself says: "cpu", "cuda", "cuda + cpu"
    )
    unit_detail: str = ""  # how much runs where, in words: "118 nodes on cuda, 2 on cpu"
    needs_input: bool = True  # False: takes the frame as it is, so that nobody has to prepare a batch
    measuring: bool = False  # what it computes now only shows how fast it is: no frame of the run

    @abstractmethod
    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        """Run the model on `batch` (N x 3 x H x W, the model's dtype, borrowed) and return its outputs.

        `batch` is the frame itself (H x W x 3 uint8) where the session needs no input. The arrays returned stay
        valid until the next call. Simulated sessions return []. Raises RunFailed for this batch, DeviceUnavailable
        where the device itself is gone: its worker ends, and what it had goes to others.
        """

    def infer_named(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Run the model on one array for each of its inputs (`info.takes`, each borrowed); the rest is as with `infer`.

        This default is for models of one image. Raises RunFailed where names, dtypes or shapes are not the model's.
        """
        require_named(inputs, self.info)
        return self.infer(inputs[self.info.input_name])

    def cost(self) -> ModelCost:
        """Return what the model is made of, as far as this runtime tells; may run a blank frame."""
        return ModelCost()

    def close(self) -> None:  # noqa: B027 - most sessions have nothing to let go of
        """Let go of the device; may be called twice."""


class Backend(ABC):
    """Base of every backend. Importing its module must not import the vendor's runtime: do that in the methods."""

    key: ClassVar[str]
    title: ClassVar[str]
    simulated: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = ()  # of the model files that it reads, with the dot; (): any
    extra: ClassVar[str] = ""  # what to install: "cluster4npu[openvino]"; "" when it is part of the core
    Options: ClassVar[type[DeviceOptions]] = DeviceOptions

    @abstractmethod
    def devices(self) -> list[DeviceInfo]:
        """Return what this backend sees; an SDK that is missing or broken gives unavailable devices, never an error."""

    def settle(self, device: DeviceId, pool: tuple[DeviceId, ...]) -> DeviceId:
        """Return the id with those options written out that depend on who else is in the pool (threads ...)."""
        return device

    def exclusive(self, device: DeviceId) -> bool:
        """Tell whether this device serves one process at a time; a second one is then refused before it loads."""
        return False

    def why_not(self, device: DeviceId, precision: str) -> str:
        """Return why this device does not compute in a precision that it does not list; "" where nobody knows."""
        return ""

    def preparation(self, device: DeviceId, model: Path) -> Preparation:
        """Tell what `prepare` has to do to `model` before `load` takes it; nothing for most."""
        return Preparation.NONE

    def prepare(self, model: Path, device: DeviceId, calibration: Calibration | None) -> Path:
        """Return the file that `load` gets in place of `model`, made now or kept from an earlier time.

        `calibration` is there where `preparation` said so. Runs in a process of its own. Raises InputError when the
        model cannot be converted, DeviceUnavailable when a tool is missing.
        """
        return model

    def look(self, model: Path) -> tuple[ModelInfo, ModelCost] | None:
        """Return what a model file is: by default by computing a blank frame on this backend's processor.

        None where this machine lacks what that takes. Raises InputError for a model that is wrong, DeviceUnavailable
        for one that this processor cannot run.
        """
        return self._looked(model, self.load)

    def look_named(self, model: Path) -> tuple[ModelInfo, ModelCost] | None:
        """As `look`, also for models that `load_named` alone takes; this default is for backends that have none."""
        return self.look(model)

    def _looked(
        self, model: Path, load: Callable[[Path, DeviceId, Any], Session]
    ) -> tuple[ModelInfo, ModelCost] | None:
        for info in self.devices():
            if info.available and info.kind == "cpu":
                device = DeviceId.parse(info.id)
                settled = self.settle(device, (device,))
                session = load(model, settled, self.Options.model_validate(dict(settled.options)))
                found = tried(session, model), session.cost()
                session.close()
                return found
        return None

    def warm(self) -> None:  # noqa: B027 - some have no runtime to import
        """Import the vendor's runtime, so that a later `load` need not; touch no device. Raises what that raises."""

    @abstractmethod
    def load(self, model: Path | None, device: DeviceId, options: Any) -> Session:
        """Load `model` (None: the model that does nothing) for `device`; `options` is an object of `Options`.

        Runs in the worker process. Raises InputError when the model is wrong, DeviceUnavailable when the device is.
        """

    def load_named(self, model: Path | None, device: DeviceId, options: Any) -> Session:
        """As `load`, for a model with any inputs, which `Session.infer_named` gets by name: token ids, masks, sounds.

        Pipelines do not use it: their models take one image. This default is for backends that read no others, and
        refuses as `load` does.
        """
        return self.load(model, device, options)
