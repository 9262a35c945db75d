"""Core ML on macOS: the Neural Engine, the GPU and the processor of a Mac. Packages are made and read anywhere."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from cluster4npu.backends.coreml_convert import package_of
from cluster4npu.backends.coreml_packages import Package, read_package, tools
from cluster4npu.core.devices import precision
from cluster4npu.core.devices.backend import (
    Absence,
    Backend,
    Calibration,
    DeviceInfo,
    DeviceOptions,
    Preparation,
    Session,
)
from cluster4npu.core.devices.batches import described, fits, not_computed
from cluster4npu.core.devices.detect import cpu_name, memory_bytes
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model import ModelCost, ModelInfo
from cluster4npu.core.devices.model_package import SUFFIX
from cluster4npu.core.devices.null import NullSession
from cluster4npu.core.devices.offered import require_offered
from cluster4npu.core.devices.truth import CPU, UNKNOWN
from cluster4npu.core.errors import DeviceUnavailable, Problem, one_line

_OWN = (SUFFIX, ".mlmodel")
_MODULE = "coremltools"

# unit: (coremltools' name of the units, title, kind, precisions, the compute device that must be there)
_UNITS = {
    "all": ("ALL", "whatever Core ML chooses", "npu", ("fp32", "fp16"), ""),
    "ane": ("CPU_AND_NE", "Apple Neural Engine", "ane", ("fp16",), "MLNeuralEngineComputeDevice"),
    "gpu": ("CPU_AND_GPU", "Apple GPU (Core ML)", "gpu", ("fp32", "fp16"), "MLGPUComputeDevice"),
    "cpu": ("CPU_ONLY", "processor (Core ML)", "cpu", ("fp32", "fp16"), ""),
}
_DEVICES = {"MLNeuralEngineComputeDevice": "ane", "MLGPUComputeDevice": "gpu", "MLCPUComputeDevice": CPU}


class CoreMlOptions(DeviceOptions):
    """What may stand behind the `?` of a Core ML device."""

    precision: Literal["fp32", "fp16"] | None = Field(
        default=None,
        description="What a PyTorch program is converted to: by default fp32, on the Neural Engine fp16, all it has.",
    )


class CoreMlBackend(Backend):
    """Runs Core ML packages, and PyTorch programs that it converts first."""

    key = "coreml"
    title = "Core ML"
    extra = "cluster4npu[coreml]"
    suffixes = (*_OWN, ".pt", ".pth", ".torchscript", ".pt2", ".safetensors")
    Options: ClassVar[type[DeviceOptions]] = CoreMlOptions

    def devices(self) -> list[DeviceInfo]:
        why = _why_not_here(self.extra)
        if why:
            return [self._info(unit, why) for unit in _UNITS]
        here = _compute_devices()
        if isinstance(here, Absence):
            return [self._info(unit, here) for unit in _UNITS]
        lacking = {unit: needed for unit, (*_, needed) in _UNITS.items() if needed and needed not in here}
        return [
            self._info(u, Absence(f"this Mac lists no {_UNITS[u][1]}") if u in lacking else None)
            for u in _UNITS
        ]

    def settle(self, device: DeviceId, pool: tuple[DeviceId, ...]) -> DeviceId:
        """Write out that the Neural Engine computes in fp16, so that everybody who sees the id knows."""
        if device.unit != "ane" or precision.asked(device):
            return device
        return device.with_option(precision.OPTION, "fp16")

    def why_not(self, device: DeviceId, precision: str) -> str:
        return "the Neural Engine has fp16 only" if device.unit == "ane" else ""

    def preparation(self, device: DeviceId, model: Path) -> Preparation:
        return Preparation.NONE if model.suffix.lower() in _OWN else Preparation.CONVERT

    def prepare(self, model: Path, device: DeviceId, calibration: Calibration | None) -> Path:
        return package_of(model, _wanted(device) or "fp32")

    def look(self, model: Path) -> tuple[ModelInfo, ModelCost] | None:
        """Read a package's own description, on any system; a program is PyTorch's to look at."""
        if model.suffix.lower() not in _OWN or not importlib.util.find_spec(_MODULE):
            return None
        package = read_package(model)
        return package.info, package.cost

    def load(self, model: Path | None, device: DeviceId, options: CoreMlOptions) -> Session:
        require_offered(self, device)
        if model is None:
            return NullSession()
        if self.preparation(device, model) is not Preparation.NONE:
            model = self.prepare(model, device, None)
        return CoreMlSession(model, device)

    def _info(self, unit: str, why: Absence | None) -> DeviceInfo:
        _, title, kind, precisions, _ = _UNITS[unit]
        info = DeviceInfo(
            f"coreml:{unit}",
            cpu_name() if unit == "cpu" and why is None else title,
            kind,
            self.key,
            memory_bytes=None if why is not None else memory_bytes(),  # one memory for all units of a Mac
            precisions=precisions,
            # A pool that is made without being asked takes only the first, which lets Core ML choose among them all.
            hardware_id="" if unit == "cpu" else "apple-core-ml",
        )
        return info if why is None else why.of(info)


def _why_not_here(extra: str) -> Absence | None:
    """Return why Core ML cannot run here, None where it can; `extra` is what to install."""
    system: str = sys.platform  # a plain text for the type checker, which takes the rest for unreachable
    installed = importlib.util.find_spec(_MODULE) is not None
    if system == "darwin":
        return None if installed else Absence("not installed", f"install {extra}")
    made = "packages are made and checked here"
    if system != "linux":
        return Absence("runs on macOS only")
    if installed:
        return Absence(f"runs on macOS only ({made})")
    return Absence("runs on macOS only", f"install {extra} to make and check packages here")


@cache
def _compute_devices() -> frozenset[str] | Absence:
    """Return the class names of the compute devices that Core ML lists, or why it does not."""
    try:
        found = tools().models.compute_device.MLComputeDevice.get_all_compute_devices()
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return Absence(f"coremltools does not start: {one_line(error)}", "install cluster4npu[coreml] again")
    return frozenset(type(device).__name__ for device in found)


def _wanted(device: DeviceId) -> str:
    return precision.asked(device) or ("fp16" if device.unit == "ane" else "")


class CoreMlSession(Session):
    """A package that Core ML has compiled for one set of units."""

    def __init__(self, model: Path, device: DeviceId) -> None:
        ct = tools()
        self._package = read_package(model)
        self.info = self._package.info
        _require_precision(self._package, device)
        units = getattr(ct.ComputeUnit, _UNITS[device.unit][0])
        try:
            self._model: Any = ct.models.MLModel(str(model), compute_units=units)
        except (RuntimeError, ValueError, OSError) as error:
            raise _cannot_run(device, f"{model.name}: {one_line(error)}") from error
        self.unit, self.unit_detail = placement(ct, self._model, units)

    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        if not fits(batch, self.info):
            raise not_computed(self.info, described(batch))
        try:
            found = self._model.predict({self.info.input_name: self._given(batch)})
        except (RuntimeError, ValueError, TypeError) as error:
            raise not_computed(self.info, error) from error
        return [np.asarray(found[name]) for name in self.info.output_names]

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    def _given(self, batch: np.ndarray) -> Any:
        if not self._package.image:
            return batch
        from PIL import Image

        return Image.fromarray(np.ascontiguousarray(batch[0].transpose(1, 2, 0)))


def placement(ct: Any, model: Any, units: Any) -> tuple[str, str]:
    """Return where Core ML's compute plan puts the operations, as ("ane + cpu", "118 operations on ane, 2 on cpu").

    It is what Core ML says that it prefers, not a measurement. ("unknown", "") where it does not tell: before
    macOS 14.4, and for models that are neither programs nor networks.
    """
    try:
        plan = ct.models.compute_plan.MLComputePlan.load_from_path(model.get_compiled_model_path(), units)
        usages = list(_usages(plan))
    except Exception as error:  # coremltools raises plain Exception where it has no compiled model
        return UNKNOWN, f"Core ML tells no plan: {one_line(error)}"
    told = (type(usage.preferred_compute_device).__name__ for usage in usages if usage is not None)
    counts = Counter(_DEVICES.get(name, name) for name in told)
    if not counts:
        return UNKNOWN, ""
    ordered = sorted(counts, key=lambda unit: (unit == CPU, -counts[unit]))
    detail = ", ".join(f"{counts[u]} {'operations ' if u == ordered[0] else ''}on {u}" for u in ordered)
    return " + ".join(ordered), detail


def _usages(plan: Any) -> Any:
    structure = plan.model_structure
    if structure.program is not None:
        for function in structure.program.functions.values():
            for operation in function.block.operations:
                if operation.operator_name.rpartition(".")[2] != "const":
                    yield plan.get_compute_device_usage_for_mlprogram_operation(operation)
    elif structure.neuralnetwork is not None:
        for layer in structure.neuralnetwork.layers:
            yield plan.get_compute_device_usage_for_neuralnetwork_layer(layer)


def _require_precision(package: Package, device: DeviceId) -> None:
    """Raise DeviceUnavailable for a package that computes in something else than this device is to, or can."""
    wanted = _wanted(device)
    if wanted and package.precision and package.precision != wanted:
        raise _cannot_run(
            device,
            f"{Path(package.info.path).name} computes in {package.precision}",
            f"a package in {wanted}",
        )


def _cannot_run(device: DeviceId, found: str, allowed: str = "") -> DeviceUnavailable:
    hint = "Convert the PyTorch program again in that precision, or choose another device."
    return DeviceUnavailable(
        Problem(
            f"'{device}' cannot run this model", field="devices", found=found, allowed=allowed,
            hint=hint if allowed else "Choose another device, for example coreml:cpu.",
        )
    )  # fmt: skip
