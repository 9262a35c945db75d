"""The annotated video: every frame at its pace with what was found, and what cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.errors import InputError, RunFailed
from cluster4npu.core.nodes.base import Delivery
from cluster4npu.core.nodes.values import Detections, Number, Tracks
from cluster4npu.core.vision.capture import quiet_cv2
from tests.core.nodes.media import make

BOX = np.array([[40, 30, 120, 90, 0.9, 0]], np.float32)


def delivery(
    frame: int, result: object = None, height: int = 120, width: int = 160, **more: object
) -> Delivery:
    pixels = np.full((height, width, 3), 128, np.uint8)
    inputs = {"frame": pixels, **({} if result is None else {"result": result})}
    return Delivery(frame, frame * 50.0, "sim:mine", 1.0, height, width, inputs | more, labels=("digit",))


def read(path: Path) -> tuple[list[np.ndarray], float]:
    cv2 = quiet_cv2()
    video = cv2.VideoCapture(str(path))
    frames = []
    while (found := video.read())[0]:
        frames.append(found[1])
    return frames, video.get(cv2.CAP_PROP_FPS)


@pytest.mark.parametrize("name", ["out.mp4", "out.avi", "out.mkv"])
def test_every_frame_is_there_at_the_pace_of_the_stream(name: str, tmp_path: Path) -> None:
    sink = make("video_writer", base=tmp_path, path=name)
    sink.setup()
    sink.append(delivery(0))
    sink.append(delivery(1, Tracks(BOX, None, np.array([7]))))
    sink.append(delivery(2, Detections(BOX), count=Number(4.0)))
    sink.append(delivery(3, height=60, width=80))  # another size is brought to the first
    sink.append(Delivery(4, None, "", 0.0, 120, 160, {"frame": np.zeros((120, 160, 3), np.uint8)}, error="x"))
    sink.close()
    frames, fps = read(tmp_path / name)
    assert (len(frames), round(fps)) == (5, 20)
    assert frames[0].std() < 8  # nothing drawn
    edge = frames[1][30:34, 60:100].astype(int)
    assert abs(edge - 128).max() > 40  # the box
    assert abs(frames[1][60, 80].astype(int) - 128).max() < 20  # not filled


def test_one_frame_and_none(tmp_path: Path) -> None:
    for count in (0, 1):
        sink = make("video_writer", base=tmp_path)
        sink.setup()
        for frame in range(count):
            sink.append(delivery(frame))
        sink.close()
        assert len(read(tmp_path / "annotated.mp4")[0]) == count


@pytest.mark.parametrize("name", ["out.mp4", "out.avi", "out.mkv"])
def test_a_video_of_an_earlier_run_is_replaced_and_no_other(name: str, tmp_path: Path) -> None:
    video, unfinished = tmp_path / name, tmp_path / name.replace(".", ".unfinished-run.")
    unfinished.write_bytes(b"of a run that was killed")
    for count in (3, 5):
        sink = make("video_writer", base=tmp_path, path=name)
        sink.setup()
        for frame in range(count):
            sink.append(delivery(frame))
        sink.close()
        assert len(read(video)[0]) == count and not unfinished.exists()
    mine = video.read_bytes()[
        :-1
    ]  # as somebody else's program, or one of ours before there was a mark, leaves it
    video.write_bytes(mine)
    sink = make("video_writer", base=tmp_path, path=name)
    (problem,) = sink.problems()
    assert "no run has written it" in problem.message and "move that file" in problem.hint
    with pytest.raises(InputError):
        sink.setup()
    sink.close()
    assert video.read_bytes() == mine


@pytest.mark.parametrize("path", ["missing/a.mp4", ".", "a.txt", "bundled:a.mp4"])
def test_where_nothing_can_be_written_is_told_before_the_run(path: str, tmp_path: Path) -> None:
    sink = make("video_writer", base=tmp_path, path=path)
    (problem,) = sink.problems()
    assert (problem.node, problem.field) == ("mine", "path")
    with pytest.raises(InputError):
        sink.setup()


def test_a_size_that_no_codec_takes_is_told(tmp_path: Path) -> None:
    sink = make("video_writer", base=tmp_path, fps=25.0)
    sink.setup()
    with pytest.raises(RunFailed, match="1 x 1"):
        sink.append(delivery(0, height=1, width=1))
    sink.close()
