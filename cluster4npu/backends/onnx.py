"""ONNX Runtime: ONNX models of one image, or of inputs with names, on every execution provider that is installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from cluster4npu.backends import onnx_precision, onnx_providers
from cluster4npu.backends.onnx_providers import CPU, PROVIDERS, provider_of
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
from cluster4npu.core.devices.detect import cpu_name, share_of_cores, with_share_of_cores
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model import ModelCost, ModelInfo, TensorShape
from cluster4npu.core.devices.model_file import (
    cannot_load,
    check_input,
    check_named,
    check_outputs,
    labels_from,
    read_model_file,
)
from cluster4npu.core.devices.null import NullSession
from cluster4npu.core.devices.offered import require_offered
from cluster4npu.core.devices.truth import CPU as CPU_UNIT
from cluster4npu.core.devices.truth import UNKNOWN
from cluster4npu.core.errors import one_line

_NUMBERS = re.compile(r"tensor\((?!string).*\)")  # not texts, sequences or maps
_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
_NAMED_DTYPES = {
    **_DTYPES,
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int8)": "int8",
    "tensor(bool)": "bool",
}


class OnnxOptions(DeviceOptions):
    """What may stand behind the `?` of an ONNX Runtime device."""

    threads: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Threads of one inference; by default the cores are shared out.",
    )
    precision: Literal["fp32", "fp16", "int8"] | None = Field(
        default=None,
        description="What to compute in; by default what the model is made of. int8 is made from frames of the source.",
    )
    quantization: Literal["static", "dynamic"] = Field(
        default="static",
        description="How int8 is made: with ranges from the source's frames (static), or found anew in each frame.",
    )


class OnnxBackend(Backend):
    """Runs ONNX files with ONNX Runtime."""

    key = "onnx"
    title = "ONNX Runtime"
    suffixes = (".onnx",)
    Options: ClassVar[type[DeviceOptions]] = OnnxOptions

    def devices(self) -> list[DeviceInfo]:
        try:
            runtime = _runtime()
            runtime.get_available_providers()
        except (ImportError, OSError) as error:
            why = Absence(f"ONNX Runtime cannot be loaded: {one_line(error)}", "install onnxruntime again")
            return [why.of(DeviceInfo("onnx:cpu", cpu_name(), "cpu", self.key))]
        return [info for provider in PROVIDERS for info in onnx_providers.describe(provider, runtime)]

    def settle(self, device: DeviceId, pool: tuple[DeviceId, ...]) -> DeviceId:
        return with_share_of_cores(device, pool)

    def why_not(self, device: DeviceId, precision: str) -> str:
        if precision == "fp16" and device.unit == "cpu":
            return "its fp16 would be converted to fp32 and back, which is slower and no other result"
        return ""

    def preparation(self, device: DeviceId, model: Path) -> Preparation:
        found, wanted = provider_of(device), precision.asked(device)
        native = found is not None and wanted == "fp16" and found[0].native_fp16
        if wanted not in ("fp16", "int8") or native:
            return Preparation.NONE
        frames = wanted == "int8" and _method(device) == "static"
        return Preparation.CALIBRATE if frames else Preparation.CONVERT

    def prepare(self, model: Path, device: DeviceId, calibration: Calibration | None) -> Path:
        return onnx_precision.prepare(model, precision.asked(device), calibration, _method(device))

    def warm(self) -> None:
        _runtime()

    def load(self, model: Path | None, device: DeviceId, options: OnnxOptions) -> Session:
        return self._load(model, device, options, named=False)

    def load_named(self, model: Path | None, device: DeviceId, options: OnnxOptions) -> Session:
        return self._load(model, device, options, named=True)

    def look_named(self, model: Path) -> tuple[ModelInfo, ModelCost] | None:
        return self._looked(model, self.load_named)

    def _load(self, model: Path | None, device: DeviceId, options: OnnxOptions, *, named: bool) -> Session:
        require_offered(self, device)
        if model is None:
            return NullSession()
        session = OnnxSession(model, device, options, named=named)
        if self.preparation(device, model) is not Preparation.NONE:
            precision.require_prepared(session.origin, device, model)
        return session


def _method(device: DeviceId) -> str:
    return dict(device.options).get("quantization", "static")


@cache
def _runtime() -> Any:
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # on Windows; elsewhere the package's environment variable does it
    return onnxruntime


def _runtime_errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises; its exceptions have no common base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = [item for item in vars(state).values() if isinstance(item, type) and issubclass(item, Exception)]
    return (*kinds, RuntimeError)


class OnnxSession(Session):
    """A model loaded by ONNX Runtime. Where all shapes are fixed, results land in arrays made once.

    With `named` the model may have any inputs, and nothing is bound beforehand.
    """

    def __init__(self, model: Path, device: DeviceId, options: OnnxOptions, *, named: bool = False) -> None:
        sha256 = read_model_file(model)
        runtime = _runtime()
        settings = runtime.SessionOptions()
        settings.intra_op_num_threads = options.threads or share_of_cores((device,))
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 4  # errors come as exceptions
        # A waiting worker that spins takes the core from its neighbours.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        self._errors = _runtime_errors()
        try:
            self._session: Any = runtime.InferenceSession(
                str(model), settings, providers=_providers(runtime, settings, device), enable_fallback=0
            )
        except self._errors as error:
            raise cannot_load(model, device.device, str(error)) from error
        self.info = self._describe(model, sha256, named=named)
        self.unit, self.unit_detail = placement(self._session)
        self._binding, self._outputs = self._bind(named=named)
        self._bound_input = 0

    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        try:
            if self._binding is not None and self._fits(batch):
                return self._infer_in_place(batch)
            return list(self._session.run(None, {self.info.input_name: batch}))
        except self._errors as error:
            self._bound_input = 0
            raise not_computed(self.info, error) from error

    def infer_named(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        require_named(inputs, self.info)
        try:
            return list(self._session.run(None, dict(inputs)))
        except self._errors as error:
            raise not_computed(self.info, error) from error

    def close(self) -> None:
        """Let go of the model."""
        self._binding = None
        self._session = None

    def _fits(self, batch: np.ndarray) -> bool:
        return batch.shape == self.info.input_shape and batch.flags.c_contiguous

    def _infer_in_place(self, batch: np.ndarray) -> list[np.ndarray]:
        address = batch.ctypes.data
        if address != self._bound_input:
            self._binding.bind_input(
                self.info.input_name, "cpu", 0, batch.dtype.type, list(batch.shape), address
            )
            self._bound_input = address
        self._session.run_with_iobinding(self._binding)
        return self._outputs

    def _describe(self, model: Path, sha256: str, *, named: bool) -> ModelInfo:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shapes = {item.name: _shape(item.shape, least=0) for item in inputs}
        if named:
            check_named(
                model, {item.name: item.type for item in inputs if item.type not in _NAMED_DTYPES}, shapes
            )
        else:
            check_input(model, shapes)
        others = {item.name: item.type for item in outputs if not _NUMBERS.fullmatch(item.type)}
        check_outputs(model, [item.name for item in outputs], others)
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.origin = precision.Origin.of(metadata, model)
        return ModelInfo(
            path=str(model),
            sha256=self.origin.sha256 or sha256,
            input_name=inputs[0].name,
            input_shape=shapes[inputs[0].name],
            input_dtype=_DTYPES.get(inputs[0].type, inputs[0].type),
            output_names=tuple(item.name for item in outputs),
            output_shapes=tuple(_shape(item.shape) for item in outputs),
            labels=labels_from(metadata),
            task=str(metadata.get("task", "")),
            description=one_line(str(metadata.get("description", ""))),
            inputs=tuple(
                TensorShape(item.name, shapes[item.name], _NAMED_DTYPES[item.type]) for item in inputs
            )
            if named
            else (),
        )

    def _bind(self, *, named: bool) -> tuple[Any, list[np.ndarray]]:
        """Make the output arrays once, when the model fixes every shape and every dtype is plain."""
        items = self._session.get_outputs()
        fixed = None not in (*self.info.input_shape, *(size for item in items for size in _shape(item.shape)))
        # One without axes may be one whose declared shape the runtime has given up.
        if named or not fixed or any(item.type not in _DTYPES or not item.shape for item in items):
            return None, []
        binding = self._session.io_binding()
        arrays = [np.empty(item.shape, _DTYPES[item.type]) for item in items]
        for item, array in zip(items, arrays, strict=True):
            binding.bind_output(item.name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)
        return binding, arrays


def _providers(runtime: Any, settings: Any, device: DeviceId) -> list[Any]:
    """Return what the session may run on, the one that was asked for first and the processor last."""
    found = provider_of(device)
    if found is None:
        raise ValueError(f"no provider for {device}")
    provider, index = found
    if provider.unit == "cpu":
        return [CPU]
    if provider.nvidia and hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()  # CUDA and cuDNN out of their Python packages
    if provider.unit == "directml":
        settings.enable_mem_pattern = False
    asked = precision.asked(device)
    chain = [provider, *(other for other in PROVIDERS if other.name in provider.before)]
    return [*((one.name, one.options(index, asked)) for one in chain), CPU]


def placement(session: Any) -> tuple[str, str]:
    """Return what the runtime gave the model's nodes to, as ("cuda + cpu", "118 nodes on cuda, 2 on cpu").

    ("unknown", "") where it does not tell, except when the processor is all that it has left.
    """
    names = onnx_providers.unit_names()
    try:
        groups = session.get_provider_graph_assignment_info()
    except (AttributeError, RuntimeError):  # an older ONNX Runtime
        groups = ()
    counts: dict[str, int] = {}
    for group in groups:
        unit = names.get(group.ep_name, group.ep_name)
        counts[unit] = counts.get(unit, 0) + len(group.get_nodes())
    if not counts:
        return (CPU_UNIT if session.get_providers() == [CPU] else UNKNOWN), ""
    ordered = sorted(counts, key=lambda unit: (unit == CPU_UNIT, -counts[unit]))
    detail = ", ".join(f"{counts[u]} {'nodes ' if u == ordered[0] else ''}on {u}" for u in ordered)
    return " + ".join(ordered), detail


def _shape(dimensions: list[Any], least: int = 1) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) and size >= least else None for size in dimensions)
