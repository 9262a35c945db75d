"""What the machine says of its processor."""

from __future__ import annotations

import psutil

from cluster4npu.core.devices import detect
from cluster4npu.core.devices.ids import DeviceId


def test_the_processor() -> None:
    assert detect.cpu_name().strip()
    assert 1 <= detect.usable_cores() <= (psutil.cpu_count() or 1)
    assert detect.memory_bytes() == psutil.virtual_memory().total


def test_cores_are_shared_among_the_workers_on_the_processor() -> None:
    cores = detect.usable_cores()
    pool = [DeviceId.parse(text) for text in ("onnx:cpu", "openvino:cpu", "sim:cpu", "openvino:gpu")]
    assert detect.share_of_cores(tuple(pool[:1])) == cores
    assert detect.share_of_cores(tuple(pool)) == max(1, cores // 2)
    assert detect.share_of_cores(tuple(pool[:1] * 1000)) == 1
    assert detect.share_of_cores(tuple(pool[2:])) == cores
