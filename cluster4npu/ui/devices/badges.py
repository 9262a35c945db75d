"""One colour for each device, the same on the canvas and in the panel; the name always stands beside it."""

from __future__ import annotations

import contextlib
from zlib import crc32

from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import InputError
from cluster4npu.ui import theme

# Devices that are likely to stand beside each other have different colours; the others' follow from their names.
_PLACES = {
    device: place
    for ids in (
        (
            "onnx:cpu",
            "openvino:cpu",
            "torch:cpu",
            "onnx:cuda:0",
            "torch:cuda:0",
            "openvino:gpu",
            "openvino:npu",
        ),
        ("coreml:ane", "coreml:gpu", "coreml:cpu", "coreml:all"),
        ("sim:ane", "sim:gpu", "sim:cpu"),
    )
    for place, device in enumerate(ids)
}


def device_color(text: str) -> str:
    """Return the colour of a device id as written; workers on one device share it."""
    with contextlib.suppress(InputError):
        text = DeviceId.parse(text).device
    series = theme.colors().series
    return series[_PLACES.get(text, crc32(text.encode())) % len(series)]


def is_device(text: str) -> bool:
    """Tell whether this line is a device id."""
    try:
        DeviceId.parse(text)
    except InputError:
        return False
    return True
