"""The NVIDIA cards of this machine as their driver numbers them, without any CUDA toolkit or Python package."""

from __future__ import annotations

import ctypes
import sys
import uuid
from dataclasses import dataclass
from typing import Any

from cluster4npu.core.devices.backend import Absence

_TEXT = 256
_LOOK = "see whether nvidia-smi works"


@dataclass(frozen=True, slots=True)
class Card:
    """One card; `index` is CUDA's own, which heeds CUDA_VISIBLE_DEVICES. `uuid` is as NVML writes it ("GPU-...")."""

    index: int
    name: str
    memory_bytes: int
    uuid: str


def cards(library: Any = None) -> tuple[Card, ...] | Absence:
    """Return the cards, or why there is none. `library` is the loaded driver, for tests."""
    try:
        driver = library or ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return Absence("there is no NVIDIA driver here", "install it from NVIDIA or your system's packages")
    if code := driver.cuInit(0):
        return Absence(f"the NVIDIA driver does not start (CUDA error {code})", _LOOK)
    count = ctypes.c_int()
    if code := driver.cuDeviceGetCount(ctypes.byref(count)):
        return Absence(f"the NVIDIA driver does not tell its cards (CUDA error {code})", _LOOK)
    found = tuple(_card(driver, index) for index in range(count.value))
    return found or Absence("the NVIDIA driver lists no card", "see whether CUDA_VISIBLE_DEVICES hides it")


def _card(driver: Any, index: int) -> Card:
    handle, memory = ctypes.c_int(), ctypes.c_size_t()
    name, identity = ctypes.create_string_buffer(_TEXT), (ctypes.c_ubyte * 16)()
    driver.cuDeviceGet(ctypes.byref(handle), index)
    driver.cuDeviceGetName(name, _TEXT, handle)
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), handle)
    known = driver.cuDeviceGetUuid(ctypes.byref(identity), handle) == 0
    return Card(
        index,
        name.value.decode(errors="replace") or f"NVIDIA card {index}",
        memory.value,
        f"GPU-{uuid.UUID(bytes=bytes(identity))}" if known else "",
    )
