"""Live sources without hardware: what is not there is told soon, what is there is read, secrets are kept."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.errors import InputError, Problem, RunFailed
from cluster4npu.core.nodes import rtsp
from cluster4npu.core.nodes.live import LiveSource, StillWatch, ready
from cluster4npu.core.vision.capture import Capture
from tests.core.nodes.media import make, write_video


def test_live_sources_say_so() -> None:
    for key in ("camera", "rtsp"):
        node = make(key)
        assert node.live
        assert node.may_block
    assert not make("video_file").live


def test_a_camera_that_is_not_there() -> None:
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        make("camera", index=99).open()
    assert time.monotonic() - start < 20
    (problem,) = caught.value.problems
    assert (problem.node, problem.field, problem.found) == ("mine", "index", "camera 99")


def test_nobody_listens(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    node = make("rtsp", url=f"rtsp://admin:hunter2@127.0.0.1:{port}/live")
    assert node.problems() == []
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        node.open()
    assert time.monotonic() - start < 15
    assert f"127.0.0.1:{port}/live" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "admin" not in repr(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_camera_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp, "OPEN_TIMEOUT_MS", 500)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        start = time.monotonic()
        with pytest.raises(InputError):
            make("rtsp", url=f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live").open()
        assert 0.4 <= time.monotonic() - start < 15


@pytest.mark.parametrize(
    "url",
    ["", "host/live", "ftp://a:hunter2@host/live", "rtsp://", "rtsp://a:hunter2@", "rtsp://a:hunter2@host:99999/x",
     "rtsp://a:hunt er2@host/x", "rtsp://a:hunter2@host/\n", "rtsp://a:hunter2@" + "h" * 3000],
)  # fmt: skip
def test_what_is_no_rtsp_url(url: str) -> None:
    (problem,) = make("rtsp", url=url).problems()
    assert (problem.node, problem.field) == ("mine", "url")
    assert "hunter2" not in problem.text()
    assert "er2" not in problem.text()
    assert len(problem.text()) < 800


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[str]:
    """Serve a short video over HTTP: FFmpeg reads it as it reads a camera's stream."""
    write_video(tmp_path / "live.avi", 12)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args) -> None:
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *args) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/live.avi"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_live_stream_is_read_until_it_is_lost(stream: str) -> None:
    capture = Capture(stream, ffmpeg=True, open_timeout_ms=5000, read_timeout_ms=5000)
    assert ready(capture)
    source = LiveSource(capture, Problem("the stream has ended", "mine", "url"))
    assert (source.spec.height, source.spec.width, source.spec.frames) == (48, 64, None)
    slot = np.zeros(source.spec.nbytes, np.uint8)
    times = []
    with pytest.raises(RunFailed, match=r"mine.url: the stream has ended"):
        while (info := source.read_into(slot)) is not None:
            assert slot.any()
            times.append(info.stream_ms)
            source.rewind()
    assert len(times) == 12
    assert times == sorted(times)
    source.close()
    source.close()


def test_a_frame_that_has_grown_is_made_to_fit(stream: str) -> None:
    capture = Capture(stream, ffmpeg=True)
    assert ready(capture)
    capture.height //= 2  # as if the stream had been announced smaller
    source = LiveSource(capture, Problem("lost", "mine", "url"))
    info = source.read_into(np.zeros(source.spec.nbytes, np.uint8))
    assert info is not None and info.height * info.width * 3 <= source.spec.nbytes
    assert info.width / info.height == pytest.approx(64 / 48, rel=0.05)
    assert source.notices[0].state == "resized"
    source.close()


def test_a_picture_that_stays_the_same_is_told_once_and_again_when_it_moves() -> None:
    watch, noise = StillWatch(10.0), np.random.default_rng(1)
    for second in range(100):  # what a camera sends in the dark: noise
        assert watch.look(noise.integers(0, 3, 64 * 48 * 3).astype(np.uint8), float(second)) is None
    still = noise.integers(0, 255, 64 * 48 * 3).astype(np.uint8)
    told = [watch.look(still, 100.0 + second) for second in range(40)]
    assert [(second, n.state) for second, n in enumerate(told) if n is not None] == [(10, "still")]
    moved = watch.look(still ^ 1, 140.0)
    assert moved is not None and moved.state == "moving"
    assert watch.look(still, 141.0) is None
    never = StillWatch(0.0)
    assert all(never.look(still, float(second)) is None for second in range(100))
