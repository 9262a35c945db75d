"""PyTorch: TorchScript archives and torch.export programs on the processor, CUDA and ROCm GPUs, and Apple's GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from cluster4npu.backends.torch_programs import load_program, tensors_in
from cluster4npu.core.devices.backend import Backend, DeviceInfo, DeviceOptions, Session
from cluster4npu.core.devices.detect import cpu_name, memory_bytes, share_of_cores
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.null import NullSession
from cluster4npu.core.errors import DeviceUnavailable, Problem, RunFailed


class TorchOptions(DeviceOptions):
    """What may stand behind the `?` of a PyTorch device."""

    threads: int | None = Field(
        default=None, ge=1, le=1024, description="Threads of one inference; by default the cores are shared."
    )


class TorchBackend(Backend):
    """Runs PyTorch's own files in fp32 (or what the model itself is made of), one frame at a time."""

    key = "torch"
    title = "PyTorch"
    extra = "cluster4npu[torch]"
    suffixes = (".pt", ".pth", ".torchscript", ".pt2")
    Options: ClassVar[type[DeviceOptions]] = TorchOptions

    def devices(self) -> list[DeviceInfo]:
        try:
            torch = _torch()
            gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
            found = [self._cpu(), *(self._gpu(torch, index) for index in range(gpus))]
            if torch.backends.mps.is_available():
                found.append(DeviceInfo("torch:mps", "Apple GPU", "gpu", self.key, precisions=("fp32",)))
        except ModuleNotFoundError:
            return [self._missing(f"not installed; install {self.extra}")]
        except (ImportError, OSError, RuntimeError, AttributeError) as error:
            return [self._missing(f"PyTorch does not start: {_line(error)}")]
        return found

    def settle(self, device: DeviceId, pool: tuple[DeviceId, ...]) -> DeviceId:
        if device.unit != "cpu" or "threads" in dict(device.options):
            return device
        return device.with_option("threads", str(share_of_cores(pool)))

    def load(self, model: Path | None, device: DeviceId, options: TorchOptions) -> Session:
        known = {info.id: info for info in self.devices()}
        info = known.get(device.device)
        if info is None or not info.available:
            missing = not any(item.available for item in known.values())
            raise DeviceUnavailable(
                Problem(
                    f"'{device}' cannot be used",
                    field="devices",
                    found=next(iter(known.values())).reason if missing else f"no {device.device}",
                    allowed=", ".join(name for name, item in known.items() if item.available),
                    hint=f"Install {self.extra}." if missing else "`cluster4npu devices` lists what is here.",
                )
            )
        if model is None:
            return NullSession()
        return TorchSession(model, device, options)

    def _missing(self, reason: str) -> DeviceInfo:
        return DeviceInfo("torch:cpu", "PyTorch", "cpu", self.key, available=False, reason=reason)

    def _cpu(self) -> DeviceInfo:
        return DeviceInfo(
            "torch:cpu", cpu_name(), "cpu", self.key, memory_bytes=memory_bytes(), precisions=("fp32",)
        )

    def _gpu(self, torch: Any, index: int) -> DeviceInfo:
        facts = torch.cuda.get_device_properties(index)
        uuid = str(getattr(facts, "uuid", ""))
        return DeviceInfo(
            id=f"torch:cuda:{index}",
            name=str(facts.name) + (" (ROCm)" if torch.version.hip else ""),
            kind="gpu",
            backend=self.key,
            memory_bytes=int(facts.total_memory),
            precisions=("fp32",),
            hardware_id=f"GPU-{uuid}" if uuid and not torch.version.hip else "",
        )


def _torch() -> Any:
    import torch

    return torch


class TorchSession(Session):
    """A program on one device. Frames of another shape or dtype than the model's are refused, not converted."""

    def __init__(self, model: Path, device: DeviceId, options: TorchOptions) -> None:
        self._torch: Any = _torch()
        self._device = device.unit
        if device.unit == "cpu":
            self._torch.set_num_threads(options.threads or share_of_cores((device,)))
        else:  # TensorFloat-32 gives other results than every other device of the pool
            self._torch.backends.cuda.matmul.allow_tf32 = False
            self._torch.backends.cudnn.allow_tf32 = False
        self._program: Any = load_program(model, self._torch, device.unit)
        self.info = self._program.info
        self.unit = device.unit  # PyTorch runs a program where it was put, or raises

    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        if not self._fits(batch):
            raise self._failed(f"a batch of {batch.shape} {batch.dtype}")
        try:
            with self._torch.inference_mode():
                frame = self._torch.from_numpy(np.require(batch, requirements=("C", "W"))).to(self._device)
                return [tensor.detach().cpu().numpy() for tensor in tensors_in(self._program.run(frame))]
        except (RuntimeError, ValueError, TypeError) as error:
            raise self._failed(_line(error)) from error

    def close(self) -> None:
        """Let go of the model."""
        self._program = None

    def _fits(self, batch: np.ndarray) -> bool:
        shape = self.info.input_shape
        sizes = len(batch.shape) == len(shape) and all(
            wanted in (None, size) for wanted, size in zip(shape, batch.shape, strict=True)
        )
        return sizes and batch.dtype == self.info.input_dtype

    def _failed(self, found: str) -> RunFailed:
        return RunFailed(
            Problem(
                "the model could not be computed",
                field="model",
                found=found,
                allowed=f"{self.info.input_shape} {self.info.input_dtype}",
                hint="Check that the preprocessing fits the model.",
            )
        )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:400]
