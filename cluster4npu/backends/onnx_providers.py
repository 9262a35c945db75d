"""ONNX Runtime's execution providers as devices: which wheel brings each, where it runs, and how it is set up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster4npu.backends import cuda_driver
from cluster4npu.core.devices.backend import Absence, DeviceInfo
from cluster4npu.core.devices.detect import cpu_name, memory_bytes
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.truth import UNKNOWN
from cluster4npu.core.settings import cache_dir

KEY = "onnx"
CPU = "CPUExecutionProvider"
_NAMES = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}


def _no_options(_index: int, _precision: str) -> dict[str, Any]:
    return {}


def _numbered(index: int, _precision: str) -> dict[str, Any]:
    return {"device_id": index}


def _cuda(index: int, _precision: str) -> dict[str, Any]:
    # TensorFloat-32 gives other results than every other device of a pool.
    return {"device_id": index, "use_tf32": 0}


def _tensorrt(index: int, precision: str) -> dict[str, Any]:
    engines = cache_dir() / "tensorrt"
    engines.mkdir(parents=True, exist_ok=True)
    return {
        "device_id": index,
        "trt_fp16_enable": precision == "fp16",
        "trt_engine_cache_enable": True,  # building one takes minutes
        "trt_engine_cache_path": str(engines),
    }


def _migraphx(index: int, precision: str) -> dict[str, Any]:
    return {"device_id": index, "migraphx_fp16_enable": precision == "fp16"}


def _coreml(_index: int, _precision: str) -> dict[str, Any]:
    return {"ModelFormat": "MLProgram", "MLComputeUnits": "ALL"}


def _openvino(_index: int, _precision: str) -> dict[str, Any]:
    return {
        "device_type": "CPU"
    }  # GPUs and NPUs of Intel's are devices of the backend `openvino`, which tells units


def _qnn(_index: int, _precision: str) -> dict[str, Any]:
    return {"backend_type": "htp"}


@dataclass(frozen=True, slots=True)
class Provider:
    """One execution provider. `native_fp16`: it computes an fp32 model in fp16 by an option of its own."""

    unit: str  # of the device id
    name: str  # as ONNX Runtime calls it
    title: str
    kind: str
    precisions: tuple[str, ...]
    wheel: str  # what to install in place of onnxruntime
    systems: tuple[str, ...]  # sys.platform
    options: Callable[[int, str], dict[str, Any]] = _no_options
    numbered: bool = False  # one device for each card: onnx:cuda:0
    before: tuple[str, ...] = ()  # providers that take what this one leaves, ahead of the processor
    native_fp16: bool = False
    nvidia: bool = False
    chooses: bool = False  # which unit computes is the provider's own choice, and it does not tell


PROVIDERS = (
    Provider("cpu", CPU, "CPU", "cpu", ("fp32", "int8"), "onnxruntime", ("linux", "darwin", "win32")),
    Provider(
        "cuda", "CUDAExecutionProvider", "CUDA", "gpu", ("fp32", "fp16"), "'onnxruntime-gpu[cuda,cudnn]'",
        ("linux", "win32"), _cuda, numbered=True, nvidia=True,
    ),
    Provider(
        "tensorrt", "TensorrtExecutionProvider", "TensorRT", "gpu", ("fp32", "fp16"),
        "'onnxruntime-gpu[cuda,cudnn]' and TensorRT", ("linux", "win32"), _tensorrt, numbered=True,
        before=("CUDAExecutionProvider",), native_fp16=True, nvidia=True,
    ),
    Provider(
        "migraphx", "MIGraphXExecutionProvider", "AMD MIGraphX", "gpu", ("fp32", "fp16"), "onnxruntime-migraphx",
        ("linux",), _migraphx, numbered=True, native_fp16=True,
    ),
    Provider(
        "rocm", "ROCMExecutionProvider", "AMD ROCm", "gpu", ("fp32", "fp16"), "onnxruntime-rocm", ("linux",),
        _numbered, numbered=True,
    ),
    Provider(
        "coreml", "CoreMLExecutionProvider", "Core ML", "npu", ("fp32",), "onnxruntime for macOS", ("darwin",),
        _coreml, chooses=True,
    ),
    Provider(
        "openvino", "OpenVINOExecutionProvider", "OpenVINO in ONNX Runtime (processor)", "cpu", ("fp32",),
        "onnxruntime-openvino", ("linux", "win32"), _openvino,
    ),
    Provider(
        "directml", "DmlExecutionProvider", "DirectML", "gpu", ("fp32", "fp16"), "onnxruntime-directml",
        ("win32",), _numbered, numbered=True,
    ),
    Provider(
        "qnn", "QNNExecutionProvider", "Qualcomm QNN (HTP)", "npu", ("int8",), "onnxruntime-qnn", ("win32",), _qnn
    ),
    Provider(
        "vitisai", "VitisAIExecutionProvider", "AMD Vitis AI", "npu", ("int8",),
        "AMD's Ryzen AI software, which brings its own onnxruntime", ("win32", "linux"),
    ),
)  # fmt: skip


def provider_of(device: DeviceId) -> tuple[Provider, int] | None:
    """Return a device's provider and the number of its card (0 where it has none); None for no such unit."""
    unit, _, number = device.unit.partition(":")
    for provider in PROVIDERS:
        if provider.unit == unit and (number.isdigit() if provider.numbered else not number):
            return provider, int(number or 0)
    return None


def unit_names() -> Mapping[str, str]:
    """Return the unit ("cuda") by ONNX Runtime's name of its provider; "unknown" where that one chooses itself."""
    names = {provider.name: UNKNOWN if provider.chooses else provider.unit for provider in PROVIDERS}
    return {**names, "OpenVINOExecutionProvider": "openvino on the processor"}


def describe(provider: Provider, runtime: Any) -> list[DeviceInfo]:
    """Return the devices of one provider: those that are here, or one that says why there is none."""
    if provider.unit == "cpu":
        return [
            DeviceInfo(
                "onnx:cpu",
                cpu_name(),
                "cpu",
                KEY,
                memory_bytes=memory_bytes(),
                precisions=provider.precisions,
            )
        ]
    if sys.platform not in provider.systems:
        return [_missing(provider, Absence(f"only on {' and '.join(_NAMES[s] for s in provider.systems)}"))]
    if provider.name not in runtime.get_available_providers():
        swap = "" if provider.wheel.startswith("AMD") else " in place of onnxruntime"
        why = Absence("the installed ONNX Runtime does not have it", f"install {provider.wheel}{swap}")
        return [_missing(provider, why)]
    if provider.nvidia:
        cards = cuda_driver.cards()
        if isinstance(cards, Absence):
            return [_missing(provider, cards)]
        return [
            DeviceInfo(
                f"onnx:{provider.unit}:{card.index}",
                f"{card.name} ({provider.title})",
                provider.kind,
                KEY,
                memory_bytes=card.memory_bytes,
                precisions=provider.precisions,
                hardware_id=card.uuid,
            )
            for card in cards
        ]
    return [
        DeviceInfo(_id(provider, index), provider.title, provider.kind, KEY, precisions=provider.precisions)
        for index in range(_count(provider, runtime))
    ]


def _missing(provider: Provider, why: Absence) -> DeviceInfo:
    return why.of(
        DeviceInfo(_id(provider, 0), provider.title, provider.kind, KEY, precisions=provider.precisions)
    )


def _id(provider: Provider, index: int) -> str:
    return f"{KEY}:{provider.unit}" + (f":{index}" if provider.numbered else "")


def _count(provider: Provider, runtime: Any) -> int:
    """Return how many cards the provider tells of; one where it does not tell."""
    if not provider.numbered or not hasattr(runtime, "get_ep_devices"):
        return 1
    told = [device for device in runtime.get_ep_devices() if device.ep_name == provider.name]
    return max(1, len(told))
