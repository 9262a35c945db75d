"""The backend: what Cluster4NPU asks of a runtime, answered with the stick's driver. Copy it for your own device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.devices.backend import Absence, Backend, DeviceInfo, DeviceOptions, Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.devices.model_file import check_input, corrupt, labels_from, read_model_file
from cluster4npu.core.devices.null import NullSession
from cluster4npu.core.errors import DeviceUnavailable, Problem, RunFailed

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}


class StickBackend(Backend):
    """Runs ONNX files on `stick:0`, `stick:1` ..., each by one worker at a time."""

    key = "stick"
    title = "Example NPU stick"
    suffixes = (".onnx",)
    extra = "npu-stick-backend"

    def devices(self) -> list[DeviceInfo]:
        try:
            from npu_stick import driver

            count = driver.stick_count()
        except Exception as error:  # a driver that is missing or broken is told, never raised
            why = Absence(f"the stick's driver does not start: {error}", "install the driver again")
            return [why.of(self._info(0))]
        if not count:
            return [Absence("no stick is plugged in", "plug one in").of(self._info(0))]
        return [self._info(index) for index in range(count)]

    def settle(self, device: DeviceId, pool: tuple[DeviceId, ...]) -> DeviceId:
        """Refuse a second worker on a stick before any process is started."""
        if device.replica > 1:
            raise _unavailable(device, "a stick serves one worker at a time", f"Write {device.device} once.")
        return device

    def load(self, model: Path | None, device: DeviceId, options: DeviceOptions) -> Session:
        known = {info.id: info for info in self.devices()}
        info = known.get(device.device)
        if info is None or not info.available:
            found = info.reason if info else f"plugged in: {', '.join(known)}"
            raise _unavailable(device, found, "Plug the stick in; `cluster4npu devices` lists what is here.")
        return NullSession() if model is None else StickSession(model, device)

    def _info(self, index: int) -> DeviceInfo:
        name = "Imaginary NPU stick (computes on the processor)"
        return DeviceInfo(f"stick:{index}", name, "npu", self.key, precisions=("fp32",))


class StickSession(Session):
    """A model on one stick. The stick is this worker's from here until `close` or the worker's end."""

    def __init__(self, model: Path, device: DeviceId) -> None:
        from npu_stick import driver  # the SDK is imported here, not above: listing devices must stay cheap

        sha256 = read_model_file(model)
        self._error = driver.StickError
        try:
            self._stick = driver.Stick(int(device.unit))
        except driver.StickError as error:
            raise _unavailable(
                device, str(error), "Close the other program, or use another stick."
            ) from error
        try:
            self.info = self._describe(self._stick.load(model), model, sha256)
        except BaseException as error:
            self._stick.close()
            if isinstance(error, driver.StickError):
                raise corrupt(model, str(error)) from error
            raise
        self.unit = f"example stick {device.unit}, one thread of the processor"

    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        try:
            return self._stick.wait(self._stick.submit(batch))
        except self._error as error:
            hint = "Check that the preprocessing fits the model."
            raise RunFailed(
                Problem(
                    "the stick could not compute a frame", field="model", found=str(error)[:400], hint=hint
                )
            ) from error

    def close(self) -> None:
        """Give the stick back."""
        self._stick.close()

    def _describe(self, loaded: Any, model: Path, sha256: str) -> ModelInfo:
        inputs = {item.name: _shape(item.shape) for item in loaded.get_inputs()}
        check_input(model, inputs)
        ((name, shape),) = inputs.items()
        dtype = loaded.get_inputs()[0].type
        outputs = loaded.get_outputs()
        metadata = loaded.get_modelmeta().custom_metadata_map
        return ModelInfo(
            path=str(model),
            sha256=sha256,
            input_name=name,
            input_shape=shape,
            input_dtype=_DTYPES.get(dtype, dtype),
            output_names=tuple(item.name for item in outputs),
            output_shapes=tuple(_shape(item.shape) for item in outputs),
            labels=labels_from(metadata),
            task=str(metadata.get("task", "")),
        )


def _shape(dimensions: list[Any]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) and size > 0 else None for size in dimensions)


def _unavailable(device: DeviceId, found: str, hint: str) -> DeviceUnavailable:
    return DeviceUnavailable(Problem(f"'{device}' cannot be used", field="devices", found=found, hint=hint))
