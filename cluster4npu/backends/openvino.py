"""OpenVINO: ONNX files on Intel and other processors, and on the GPUs and NPUs that it sees."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal, cast

import numpy as np
from pydantic import Field

from cluster4npu.backends import onnx_precision
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
from cluster4npu.core.devices.batches import not_computed, require_named
from cluster4npu.core.devices.detect import memory_bytes, share_of_cores, with_share_of_cores
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model import ModelCost, ModelInfo, TensorShape
from cluster4npu.core.devices.model_file import (
    cannot_load,
    check_input,
    check_named,
    check_outputs,
    does_not_fit,
    labels_from,
    read_model_file,
)
from cluster4npu.core.devices.null import NullSession
from cluster4npu.core.devices.offered import require_offered
from cluster4npu.core.devices.runtime_text import contradicts_itself, plain
from cluster4npu.core.devices.truth import UNKNOWN
from cluster4npu.core.errors import DeviceUnavailable, Problem, one_line, shortened

_DTYPES = {"f32": "float32", "f16": "float16", "u8": "uint8"}
_NAMED_DTYPES = {**_DTYPES, "f64": "float64", "i64": "int64", "i32": "int32", "i8": "int8", "boolean": "bool"}
_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
_NOT_ON_MACS = Absence("only on Linux and Windows")
_DRIVERS = {
    "gpu": "the driver of Intel's graphics with its compute runtime (OpenCL)",
    "npu": "the driver of Intel's NPU",
}
_NO_MEMORY = "std::bad_alloc"
_PRECISIONS = {"FP32": "fp32", "FP16": "fp16", "BF16": "bf16", "INT8": "int8"}


class OpenVinoOptions(DeviceOptions):
    """What may stand behind the `?` of an OpenVINO device."""

    threads: int | None = Field(
        default=None, ge=1, le=1024, description="Threads of one inference; by default the cores are shared."
    )
    precision: Literal["fp32", "fp16", "bf16", "int8"] | None = Field(
        default=None,
        description="What to compute in; by default fp32. int8 is made from frames of the source.",
    )


class OpenVinoBackend(Backend):
    """Runs ONNX files with OpenVINO, one request at a time."""

    key = "openvino"
    title = "OpenVINO"
    suffixes = (".onnx",)
    extra = "cluster4npu[openvino]"
    Options: ClassVar[type[DeviceOptions]] = OpenVinoOptions

    def devices(self) -> list[DeviceInfo]:
        try:
            core = _core()
            names = list(core.available_devices)
        except ModuleNotFoundError:
            return self._missing(Absence("not installed", f"install {self.extra}"))
        except (ImportError, OSError, RuntimeError) as error:
            why = Absence(f"OpenVINO does not start: {one_line(error)}", f"install {self.extra} again")
            return self._missing(why)
        found = [self._describe(core, name) for name in names]
        kinds = {info.kind for info in found}
        return found + [self._absent(kind) for kind in _DRIVERS if kind not in kinds]

    def settle(self, device: DeviceId, pool: tuple[DeviceId, ...]) -> DeviceId:
        return with_share_of_cores(device, pool)

    def why_not(self, device: DeviceId, precision: str) -> str:
        if device.unit == "cpu" and precision in ("fp16", "bf16"):
            return "its processor has no such instructions: OpenVINO would compute in fp32 and round"
        return ""

    def preparation(self, device: DeviceId, model: Path) -> Preparation:
        return Preparation.CALIBRATE if precision.asked(device) == "int8" else Preparation.NONE

    def prepare(self, model: Path, device: DeviceId, calibration: Calibration | None) -> Path:
        return onnx_precision.prepare(model, "int8", calibration)

    def warm(self) -> None:
        _core()

    def load(self, model: Path | None, device: DeviceId, options: OpenVinoOptions) -> Session:
        return self._load(model, device, options, named=False)

    def load_named(self, model: Path | None, device: DeviceId, options: OpenVinoOptions) -> Session:
        return self._load(model, device, options, named=True)

    def look_named(self, model: Path) -> tuple[ModelInfo, ModelCost] | None:
        return self._looked(model, self.load_named)

    def _load(
        self, model: Path | None, device: DeviceId, options: OpenVinoOptions, *, named: bool
    ) -> Session:
        require_offered(self, device)
        if model is None:
            return NullSession()
        session = OpenVinoSession(model, device, options, named=named)
        if self.preparation(device, model) is not Preparation.NONE:
            precision.require_prepared(session.origin, device, model)
        return session

    def _absent(self, kind: str) -> DeviceInfo:
        system: str = sys.platform
        elsewhere = system == "darwin"
        why = _NOT_ON_MACS if elsewhere else Absence("OpenVINO sees none", f"install {_DRIVERS[kind]}")
        return why.of(DeviceInfo(f"openvino:{kind}", f"Intel {kind.upper()}", kind, self.key))

    def _missing(self, why: Absence) -> list[DeviceInfo]:
        """Return every device that there could be, with the one reason why there is none."""
        titles = {"cpu": "processor (OpenVINO)", **{kind: f"Intel {kind.upper()}" for kind in _DRIVERS}}
        mac: bool = sys.platform == "darwin"
        return [
            (_NOT_ON_MACS if mac and kind != "cpu" else why).of(
                DeviceInfo(f"openvino:{kind}", title, kind, self.key)
            )
            for kind, title in titles.items()
        ]

    def _describe(self, core: Any, name: str) -> DeviceInfo:
        unit = name.lower().replace(".", ":")  # GPU.1 -> gpu:1
        kind = unit.partition(":")[0]
        cpu = kind == "cpu"
        try:
            offered = core.get_property(name, "OPTIMIZATION_CAPABILITIES")
            title = str(core.get_property(name, "FULL_DEVICE_NAME"))
        except RuntimeError as error:  # a driver that is there and broken
            why = Absence(f"its driver does not answer: {one_line(error)}", "install its driver again")
            return why.of(DeviceInfo(f"openvino:{unit}", name, kind, self.key))
        return DeviceInfo(
            id=f"openvino:{unit}",
            name=title,
            kind=kind,
            backend=self.key,
            memory_bytes=memory_bytes() if cpu else None,
            precisions=tuple(ours for theirs, ours in _PRECISIONS.items() if theirs in offered),
        )


@cache
def _core() -> Any:
    """Return OpenVINO's one core of this process; raises ImportError or RuntimeError."""
    # Importing OpenVINO reports that to its makers, unless the package that does it cannot be imported.
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
    import openvino

    return openvino.Core()


class OpenVinoSession(Session):
    """A model compiled by OpenVINO, with one request that is used again for every frame."""

    def __init__(
        self, model: Path, device: DeviceId, options: OpenVinoOptions, *, named: bool = False
    ) -> None:
        sha256 = read_model_file(model)
        core = _core()
        try:
            network = core.read_model(str(model))
        except RuntimeError as error:
            raise cannot_load(model, device.device, str(error)) from error
        self.origin = precision.Origin.of(_metadata(network), model)
        self.info = _model_info(network, model, self.origin.sha256 or sha256, named=named)
        target = device.unit.upper().replace(":", ".")
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if device.unit == "cpu":
            settings["INFERENCE_NUM_THREADS"] = options.threads or share_of_cores((device,))
            settings["NUM_STREAMS"] = 1
            # Pinned, the threads of several processes land on the same cores and share them.
            settings["ENABLE_CPU_PINNING"] = False
        if options.precision or not device.unit.startswith("npu"):  # an NPU may know no fp32
            # Left alone, it computes in bfloat16 or fp16 where it can: other results than the rest of the pool.
            settings["INFERENCE_PRECISION_HINT"] = _HINTS.get(options.precision or "fp32", "f32")
        try:
            self._compiled: Any = core.compile_model(network, target, settings)
            self._request: Any = self._compiled.create_infer_request()
        except RuntimeError as error:
            if _NO_MEMORY in str(error):
                raise MemoryError(f"OpenVINO found no room for {model.name}") from error
            why = plain(str(error))
            if contradicts_itself(why):
                raise does_not_fit(model, why) from error
            raise DeviceUnavailable(
                Problem(
                    f"'{device}' cannot run this model",
                    field="devices",
                    found=shortened(f"{model.name}: {why}"),
                    allowed="a model whose operators and sizes OpenVINO can compile for it",
                    hint="Choose another device, or export the model in another way.",
                )
            ) from error
        used = self._compiled.get_property("EXECUTION_DEVICES")
        self.unit = " + ".join(str(name).strip("()").lower().replace(".", ":") for name in used) or UNKNOWN

    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        try:
            if str(batch.dtype) != self.info.input_dtype:
                raise RuntimeError(f"{batch.dtype} given, {self.info.input_dtype} expected")
            self._request.infer([batch], share_inputs=True, share_outputs=True)
            return [tensor.data for tensor in self._request.output_tensors]
        except RuntimeError as error:
            raise not_computed(self.info, error) from error

    def infer_named(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        require_named(inputs, self.info)
        try:
            ordered = [inputs[tensor.name] for tensor in self.info.takes]
            self._request.infer(ordered, share_inputs=True, share_outputs=True)
            return [tensor.data for tensor in self._request.output_tensors]
        except RuntimeError as error:
            raise not_computed(self.info, error) from error

    def close(self) -> None:
        """Let go of the model."""
        self._request = None
        self._compiled = None


def _model_info(network: Any, model: Path, sha256: str, *, named: bool) -> ModelInfo:
    shapes = {_name(item, i): _shape(item) for i, item in enumerate(network.inputs)}
    types = {_name(item, i): str(item.element_type.get_type_name()) for i, item in enumerate(network.inputs)}
    if named:
        check_named(model, {name: kind for name, kind in types.items() if kind not in _NAMED_DTYPES}, shapes)
    else:
        check_input(model, shapes)
    kinds = {_name(o, i): str(o.element_type.get_type_name()) for i, o in enumerate(network.outputs)}
    check_outputs(model, list(kinds), {name: kind for name, kind in kinds.items() if kind == "string"})
    input_name, input_shape = next(iter(shapes.items()))
    metadata = _metadata(network)
    return ModelInfo(
        path=str(model),
        sha256=sha256,
        input_name=input_name,
        input_shape=input_shape,
        input_dtype=_DTYPES.get(types[input_name], types[input_name]),
        output_names=tuple(_name(item, i) for i, item in enumerate(network.outputs)),
        output_shapes=tuple(_shape(item) for item in network.outputs),
        labels=labels_from(metadata),
        task=str(metadata.get("task", "")),
        description=one_line(str(metadata.get("description", ""))),
        inputs=tuple(TensorShape(name, shape, _NAMED_DTYPES[types[name]]) for name, shape in shapes.items())
        if named
        else (),
    )


def _metadata(network: Any) -> dict[str, Any]:
    """Return the ONNX file's own metadata, which OpenVINO keeps under "framework"."""
    if not network.has_rt_info("framework"):
        return {}
    value = network.get_rt_info("framework").value
    return value if isinstance(value, dict) else {}


def _name(item: Any, index: int) -> str:
    names = item.get_names()
    return str(min(names)) if names else str(index)


def _shape(item: Any) -> tuple[int | None, ...]:
    shape = item.get_partial_shape()
    return tuple(size.get_length() if size.is_static else None for size in shape)
