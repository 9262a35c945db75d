"""Health of NVIDIA GPUs from their driver, where the package nvidia-ml-py is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from cluster4npu.core.devices.backend import DeviceHealth
from cluster4npu.core.devices.limits import Temperature, judge

PREFIX = "GPU-"  # how the driver's names of cards begin


def health(uuid: str) -> DeviceHealth:
    """Return the health of the GPU with this UUID ("GPU-..."); what the driver does not tell stays None."""
    try:
        library: Any = importlib.import_module("pynvml")
    except ImportError:
        return DeviceHealth(reason="not reported; install nvidia-ml-py")
    try:
        library.nvmlInit()
    except library.NVMLError as error:
        return DeviceHealth(reason=f"NVML does not start: {error}")
    try:
        return _read(library, library.nvmlDeviceGetHandleByUUID(uuid))
    except library.NVMLError as error:
        return DeviceHealth(reason=f"NVML does not know this GPU: {error}")
    finally:
        library.nvmlShutdown()


def _read(library: Any, handle: Any) -> DeviceHealth:
    def ask(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (library.NVMLError, AttributeError):  # not supported by this GPU, or by this version
            return None

    def limit(name: str) -> float | None:
        degrees = ask(lambda: library.nvmlDeviceGetTemperatureThreshold(handle, getattr(library, name)))
        return float(degrees) if degrees else None

    degrees = ask(lambda: library.nvmlDeviceGetTemperature(handle, library.NVML_TEMPERATURE_GPU))
    load = ask(lambda: library.nvmlDeviceGetUtilizationRates(handle))
    power_mw = ask(lambda: library.nvmlDeviceGetPowerUsage(handle))
    memory = ask(lambda: library.nvmlDeviceGetMemoryInfo(handle))
    if degrees is None and load is None and power_mw is None and memory is None:
        return DeviceHealth(reason="the driver reports nothing about this GPU")
    temperature = Temperature(
        None if degrees is None else float(degrees),
        limit("NVML_TEMPERATURE_THRESHOLD_SLOWDOWN"),
        limit("NVML_TEMPERATURE_THRESHOLD_SHUTDOWN"),
    )
    status, reason = judge(temperature, None if memory is None else memory.used / memory.total)
    return DeviceHealth(
        status=status,
        reason=reason,
        temperature_c=temperature.current_c,
        utilization=None if load is None else load.gpu / 100,
        power_w=None if power_mw is None else power_mw / 1000,
        memory_used_bytes=None if memory is None else int(memory.used),
    )
