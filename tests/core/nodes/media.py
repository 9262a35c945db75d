"""Small videos and images for the tests, written on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cluster4npu.core.nodes import node_type
from cluster4npu.core.nodes.base import FrameInfo, Node, Source
from cluster4npu.core.vision.capture import quiet_cv2


def make(type_key: str, node_id: str = "mine", base: Path | None = None, **params) -> Node:
    """Make one node as a pipeline would."""
    cls = node_type(type_key)
    return cls(node_id, cls.Params.model_validate(params), base)


def picture(index: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Return a smooth picture of its own for each index, so that lossy codecs keep it recognisable."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(y * 3 + index * 20) % 256, np.full_like(y, index * 37 % 256), (x * 3) % 256]
    return np.stack(planes, axis=-1).astype(np.uint8)


def write_video(
    path: Path, frames: int = 30, *, codec: str = "MJPG", size=(48, 64), fps: float = 25.0
) -> Path:
    """Write a video of `frames` pictures."""
    cv2 = quiet_cv2()
    height, width = size
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), fps, (width, height))
    assert writer.isOpened()
    for index in range(frames):
        writer.write(picture(index, height, width))
    writer.release()
    return path


def write_image(path: Path, index: int = 0, height: int = 48, width: int = 64) -> Path:
    """Write one picture in the format of its suffix; not by OpenCV's own writer, which needs plain names."""
    cv2 = quiet_cv2()
    ok, data = cv2.imencode(path.suffix, picture(index, height, width))
    assert ok
    path.write_bytes(data.tobytes())
    return path


def read_all(source: Source, most: int = 10_000) -> list[tuple[FrameInfo, bytes]]:
    """Read to the end, or `most` frames, through one slot with a guard behind it."""
    slot = np.full(source.spec.nbytes + 64, 0xA5, np.uint8)
    found = []
    while len(found) < most:
        slot[: source.spec.nbytes] = 0
        info = source.read_into(slot[: source.spec.nbytes])
        if info is None:
            break
        assert (slot[source.spec.nbytes :] == 0xA5).all(), "wrote behind the slot"
        found.append((info, slot[: info.height * info.width * 3].tobytes()))
    return found
