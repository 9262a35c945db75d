"""A stream that hangs up, falls silent, vanishes or changes its size: it comes back soon, and no frame is torn."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import MetricsUpdated, RunOptions, SourceChanged
from cluster4npu.core.errors import RunFailed
from tests.core.nodes.media import make
from tests.core.nodes.stream_server import StreamServer, is_whole
from tests.distribution import Rounds, short, show, soak

SIZES = ((48, 64), (24, 32), (96, 128), (60, 40))
SILENT_S = 0.4
KINDS = ("resizes", "hangs up", "falls silent", "vanishes")


@pytest.fixture
def camera() -> Iterator[StreamServer]:
    server = StreamServer()
    yield server
    server.close()


def trouble(camera: StreamServer, kind: str, draw: random.Random) -> float:
    """Make one kind of trouble; return when it was over (monotonic)."""
    if kind == "resizes":
        camera.size = draw.choice(SIZES)
        camera.hang_up()
    elif kind == "hangs up":
        camera.hang_up()
    elif kind == "falls silent":
        camera.silent.set()
        threading.Event().wait(SILENT_S * 1.5)
        camera.silent.clear()
    else:
        camera.down()
        threading.Event().wait(draw.uniform(0.0, 0.6))
        camera.size = draw.choice(SIZES)
        camera.up()
    return time.monotonic()


@pytest.mark.parametrize("seed", [12])
@pytest.mark.parametrize("times", [short(8), soak(500)])
def test_it_connects_again_and_no_frame_has_a_wrong_shape(
    camera: StreamServer, times: Rounds, seed: int
) -> None:
    draw = random.Random(seed)
    source = make("rtsp", url=camera.url, timeout_s=SILENT_S).open()
    slot = np.zeros(source.spec.nbytes, np.uint8)
    delays_s: list[float] = []
    for number in times:
        seen, over = source.reconnects, []
        thread = threading.Thread(
            target=lambda over=over, kind=KINDS[number % 4]: over.append(trouble(camera, kind, draw)),
            daemon=True,
        )
        thread.start()
        while source.reconnects == seen or not over:
            info = source.read_into(slot)
            assert info is not None
            assert is_whole(slot[: info.height * info.width * 3].reshape(info.height, info.width, 3))
        delays_s.append(max(0.0, time.monotonic() - over[0]))
        thread.join()
    source.close()
    show("a frame again after the stream has returned", delays_s, times)
    assert source.reconnects >= times.done
    assert max(delays_s) < 4  # 2 s, and room for a loaded machine


def test_a_stream_that_stays_away_ends_the_run_in_the_end(camera: StreamServer) -> None:
    source = make("rtsp", url=camera.url, reconnect_s=0.5).open()
    slot = np.zeros(source.spec.nbytes, np.uint8)
    assert source.read_into(slot) is not None
    camera.down()
    with pytest.raises(RunFailed, match="the stream was lost"):
        while source.read_into(slot) is not None:
            pass
    assert [notice.state for notice in source.notices] == ["lost"]
    source.close()


def test_a_frozen_camera_is_told(camera: StreamServer) -> None:
    source = make("rtsp", url=camera.url, still_s=0.2).open()
    slot = np.zeros(source.spec.nbytes, np.uint8)
    while not source.notices:
        assert source.read_into(slot) is not None
    assert [notice.state for notice in source.notices] == ["still"]
    camera.size = (24, 32)
    camera.hang_up()
    while source.notices[-1].state != "moving":
        assert source.read_into(slot) is not None
    assert [notice.state for notice in source.notices] == ["still", "lost", "back", "resized", "moving"]
    source.close()


def test_a_run_goes_on_and_tells_it(camera: StreamServer, make_pipeline) -> None:
    pipeline = make_pipeline("sim:a?ms=1")
    nodes = [n for n in pipeline.nodes if n.id != "source"]
    params = {"url": camera.url, "timeout_s": SILENT_S}
    live = pipeline.node("source").model_copy(update={"type": "rtsp", "params": params})
    told: list[str] = []
    with Engine(pipeline.replace(nodes=(live, *nodes)), RunOptions(calibration="never")) as run:
        for event in run.events():
            if isinstance(event, SourceChanged):
                told.append(event.state)
            elif isinstance(event, MetricsUpdated) and "resized" in told:
                run.stop()
            elif isinstance(event, MetricsUpdated) and event.snapshot.frames_out > 5 and not told:
                camera.size = (24, 32)
                camera.hang_up()
        summary = run.wait()
    assert told[:3] == ["lost", "back", "resized"]
    assert summary.reconnects >= 1
    assert summary.frames_in == summary.frames_out + summary.frames_dropped
