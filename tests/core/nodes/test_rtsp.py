"""An RTSP camera, with a password: its frames, its coming back, and what is told without the password."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from cluster4npu.core.errors import InputError
from cluster4npu.core.nodes.live import LiveSource
from tests.core.nodes.media import make
from tests.core.nodes.rtsp_server import SIZE, RtspServer
from tests.core.nodes.stream_server import is_whole


@pytest.fixture
def camera() -> Iterator[RtspServer]:
    server = RtspServer()
    yield server
    server.close()


def frames(source: LiveSource, wanted: int) -> list[np.ndarray]:
    """Read so many frames; a stream that was lost is waited for."""
    slot = np.zeros(source.spec.nbytes, np.uint8)
    found = []
    for _ in range(wanted):
        assert source.read_into(slot) is not None
        found.append(slot.reshape(source.spec.height, source.spec.width, 3).copy())
    return found


def test_frames_are_whole_and_come_again_after_the_camera_hung_up(camera: RtspServer) -> None:
    source = make("rtsp", url=camera.url(), timeout_s=2.0).open()
    assert (source.spec.height, source.spec.width) == SIZE
    assert all(is_whole(frame) for frame in frames(source, 5))
    assert camera.asked.count("PLAY") == 1
    camera.hang_up()
    while not source.notices or source.notices[-1].state != "back":  # some frames were on their way still
        assert is_whole(frames(source, 1)[0])
    assert camera.asked.count("PLAY") == 2
    assert [notice.state for notice in source.notices] == ["lost", "back"]
    source.close()


def test_a_wrong_password_is_told_without_it(camera: RtspServer) -> None:
    with pytest.raises(InputError) as caught:
        make("rtsp", url=camera.url("hunter2")).open()
    (problem,) = caught.value.problems
    assert "cannot be opened" in problem.message and "hunter2" not in problem.text()
    assert "PLAY" not in camera.asked
