"""PyTorch: its programs and named networks, on the processor and on GPUs (CUDA, ROCm, Intel's XPU, Apple's)."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from cluster4npu.backends.torch_cost import cost_of
from cluster4npu.backends.torch_programs import (
    Program,
    last_line,
    load_program,
    names_devices,
    refuse_pickle,
    tensors_in,
)
from cluster4npu.core.devices import sysfs_gpu
from cluster4npu.core.devices.backend import Absence, Backend, DeviceInfo, DeviceOptions, Session
from cluster4npu.core.devices.batches import described, fits, not_computed
from cluster4npu.core.devices.detect import cpu_name, memory_bytes, share_of_cores, with_share_of_cores
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model import ModelCost, ModelInfo
from cluster4npu.core.devices.model_file import read_model_file
from cluster4npu.core.devices.null import NullSession
from cluster4npu.core.devices.offered import require_offered
from cluster4npu.core.devices.truth import UNKNOWN
from cluster4npu.core.errors import one_line

_CARDS = {"cuda:0": "NVIDIA or AMD GPU", "xpu:0": "Intel GPU", "mps": "Apple GPU"}
_AMPERE = 8  # the first generation of NVIDIA's cards that computes in bfloat16


class TorchOptions(DeviceOptions):
    """What may stand behind the `?` of a PyTorch device."""

    threads: int | None = Field(
        default=None, ge=1, le=1024, description="Threads of one inference; by default the cores are shared."
    )
    precision: Literal["fp32", "fp16", "bf16"] | None = Field(
        default=None,
        description="What to compute in; by default what the model is made of. fp16 and bf16 by PyTorch's autocast.",
    )


class TorchBackend(Backend):
    """Runs PyTorch's own files, one frame at a time."""

    key = "torch"
    title = "PyTorch"
    extra = "cluster4npu[torch]"
    suffixes = (".pt", ".pth", ".torchscript", ".pt2", ".safetensors")
    Options: ClassVar[type[DeviceOptions]] = TorchOptions

    def devices(self) -> list[DeviceInfo]:
        try:
            torch = _torch()
            return [self._cpu(torch), *self._cuda(torch), *self._xpu(torch), self._mps(torch)]
        except ModuleNotFoundError:
            why = Absence("not installed", f"install {self.extra}")
        except (ImportError, OSError, RuntimeError, AttributeError) as error:
            why = Absence(f"PyTorch does not start: {one_line(error)}", f"install {self.extra} again")
        return [
            self._absent("cpu", "processor (PyTorch)", why, "cpu"),
            *(self._absent(unit, title, _elsewhere(unit) or why) for unit, title in _CARDS.items()),
        ]

    def settle(self, device: DeviceId, pool: tuple[DeviceId, ...]) -> DeviceId:
        return with_share_of_cores(device, pool)

    def why_not(self, device: DeviceId, precision: str) -> str:
        if device.unit == "cpu" and precision in ("fp16", "bf16"):
            return "its processor has no such instructions: it would compute in fp32 and round"
        return ""

    def warm(self) -> None:
        _torch()

    def look(self, model: Path) -> tuple[ModelInfo, ModelCost] | None:
        read_model_file(model)  # a missing file, or no ordinary one, is told as that
        refuse_pickle(model)  # no PyTorch is needed to see that
        return super().look(model)

    def load(self, model: Path | None, device: DeviceId, options: TorchOptions) -> Session:
        require_offered(self, device)
        if model is None:
            return NullSession()
        return TorchSession(model, device, options)

    def _cpu(self, torch: Any) -> DeviceInfo:
        return DeviceInfo(
            "torch:cpu",
            cpu_name(),
            "cpu",
            self.key,
            memory_bytes=memory_bytes(),
            precisions=_of_processor(torch),
        )

    def _cuda(self, torch: Any) -> Iterator[DeviceInfo]:
        rocm = bool(torch.version.hip)
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        for index in range(count):
            facts = torch.cuda.get_device_properties(index)
            uuid = str(getattr(facts, "uuid", ""))
            yield DeviceInfo(
                id=f"torch:cuda:{index}",
                name=str(facts.name) + (" (ROCm)" if rocm else ""),
                kind="gpu",
                backend=self.key,
                memory_bytes=int(facts.total_memory),
                precisions=("fp32", "fp16", "bf16") if rocm or facts.major >= _AMPERE else ("fp32", "fp16"),
                hardware_id=_place_of(facts) if rocm else f"GPU-{uuid}" if uuid else "",
            )
        if not count:
            yield self._absent("cuda:0", _CARDS["cuda:0"], _why_no_cuda(torch))

    def _xpu(self, torch: Any) -> Iterator[DeviceInfo]:
        count = torch.xpu.device_count() if torch.xpu.is_available() else 0
        for index in range(count):
            facts = torch.xpu.get_device_properties(index)
            yield DeviceInfo(
                id=f"torch:xpu:{index}",
                name=str(facts.name),
                kind="gpu",
                backend=self.key,
                memory_bytes=int(facts.total_memory),
                precisions=("fp32", *_optional(facts, has_fp16="fp16", has_bfloat16_conversions="bf16")),
            )
        if not count:
            yield self._absent("xpu:0", _CARDS["xpu:0"], _why_no_xpu(torch))

    def _mps(self, torch: Any) -> DeviceInfo:
        if torch.backends.mps.is_available():
            return DeviceInfo("torch:mps", "Apple GPU", "gpu", self.key, precisions=("fp32", "fp16"))
        why = _elsewhere("mps") or Absence("needs macOS 14 or later and a GPU")
        return self._absent("mps", _CARDS["mps"], why)

    def _absent(self, unit: str, name: str, why: Absence, kind: str = "gpu") -> DeviceInfo:
        return why.of(DeviceInfo(f"torch:{unit}", name, kind, self.key))


def _torch() -> Any:
    import torch

    return torch


def _place_of(facts: Any) -> str:
    """Return an AMD card's place on the bus, by which the kernel tells its health; "" where PyTorch has none."""
    try:
        return sysfs_gpu.hardware_id(facts.pci_domain_id, facts.pci_bus_id, facts.pci_device_id)
    except AttributeError:  # not every build has these
        return ""


def _of_processor(torch: Any) -> tuple[str, ...]:
    """Return what the processor itself computes in; what oneDNN would only emulate does not count."""
    found = ["fp32"]
    with contextlib.suppress(AttributeError, RuntimeError):  # a build without oneDNN
        found += ["fp16"] if torch.ops.mkldnn._is_mkldnn_fp16_supported() else []
        found += ["bf16"] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else []
    return tuple(found)


def _optional(facts: Any, **named: str) -> tuple[str, ...]:
    return tuple(precision for fact, precision in named.items() if getattr(facts, fact, False))


def _elsewhere(unit: str) -> Absence | None:
    """Return on which systems alone there is such a card, None where this is one of them."""
    system: str = sys.platform  # a plain text for the type checker, which takes the rest for unreachable
    if unit == "mps":
        return None if system == "darwin" else Absence("only on macOS")
    return Absence("only on Linux and Windows") if system == "darwin" else None


def _why_no_cuda(torch: Any) -> Absence:
    if elsewhere := _elsewhere("cuda:0"):
        return elsewhere
    if torch.version.hip:
        built = f"this PyTorch is built for ROCm {torch.version.hip} and finds no card"
        return Absence(built, "see whether rocminfo lists one")
    if torch.version.cuda:
        built = f"this PyTorch is built for CUDA {torch.version.cuda} and finds no card"
        return Absence(built, "see whether nvidia-smi works")
    built = "the installed PyTorch is built for the processor only"
    return Absence(built, "install its build for CUDA or ROCm in its place")


def _why_no_xpu(torch: Any) -> Absence:
    if elsewhere := _elsewhere("xpu:0"):
        return elsewhere
    if torch.xpu._is_compiled():
        return Absence("this PyTorch finds no card", "see whether its driver is installed")
    return Absence("the installed PyTorch is built without XPU", "install its build for XPU in its place")


def _unit_of(torch: Any, unit: str, program: Program) -> str:
    """Return what runs a program: PyTorch runs it where it was put, or raises; "unknown" where it may do otherwise.

    That is with its own fallback of Apple's GPUs to the processor, and with programs that name a device themselves.
    """
    if unit == "mps" and os.environ.get("PYTORCH_ENABLE_MPS_FALLBACK", "0") not in ("", "0"):
        return UNKNOWN
    if unit != "cpu" and names_devices(program.run, torch):
        return UNKNOWN
    return unit.replace("cuda", "rocm") if torch.version.hip else unit


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
        halves = {"fp16": self._torch.float16, "bf16": self._torch.bfloat16}
        self._half: Any = halves.get(options.precision or "")
        self._program: Any = load_program(model, self._torch, device.unit)
        self.info = self._program.info
        self.unit = _unit_of(self._torch, device.unit, self._program)

    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        if not fits(batch, self.info):
            raise not_computed(self.info, described(batch))
        try:
            with self._torch.inference_mode(), self._lower():
                frame = self._torch.from_numpy(np.require(batch, requirements=("C", "W"))).to(self._device)
                return [self._array(tensor) for tensor in tensors_in(self._program.run(frame))]
        except (RuntimeError, ValueError, TypeError) as error:
            raise not_computed(self.info, last_line(error)) from error

    def cost(self) -> ModelCost:
        return cost_of(self._program, self._torch, self._device)

    def close(self) -> None:
        """Let go of the model."""
        self._program = None

    def _lower(self) -> contextlib.AbstractContextManager[Any]:
        """Let heavy operators compute in the precision that was asked for; autocast keeps the delicate ones in fp32."""
        if self._half is None:
            return contextlib.nullcontext()
        lowered: contextlib.AbstractContextManager[Any] = self._torch.autocast(
            self._device.partition(":")[0], self._half, cache_enabled=True
        )
        return lowered

    def _array(self, tensor: Any) -> np.ndarray:
        if tensor.dtype == self._torch.bfloat16 or (self._half is not None and tensor.dtype == self._half):
            tensor = tensor.float()  # NumPy has no bfloat16, and outputs look as they do without the option
        array: np.ndarray = tensor.detach().cpu().numpy()
        return array
