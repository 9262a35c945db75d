"""Video files: decoded in place, and every way in which one can be broken told in words."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.errors import InputError, RunFailed
from cluster4npu.core.settings import assets_dir
from cluster4npu.core.vision.capture import Capture, quiet_cv2
from tests.core.nodes.media import make, picture, read_all, write_video


def cut(path: Path, part: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def moved_header(data: bytes) -> bytes:
    """Return an MP4 with its index in front of the pictures, as recorders and web videos have it."""
    boxes, place = [], 0
    while place < len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        boxes.append((data[place + 4 : place + 8], data[place : place + size]))
        place += size
    moov = bytearray(next(box for kind, box in boxes if kind == b"moov"))
    table = moov.index(b"stco")
    (count,) = struct.unpack(">I", moov[table + 8 : table + 12])
    for entry in range(count):
        at = table + 12 + entry * 4
        (offset,) = struct.unpack(">I", moov[at : at + 4])
        moov[at : at + 4] = struct.pack(">I", offset + len(moov))
    rest = [box for kind, box in boxes if kind != b"moov"]
    return rest[0] + bytes(moov) + b"".join(rest[1:])


def test_frames_look_like_what_was_written(tmp_path: Path) -> None:
    source = make("video_file", path=str(write_video(tmp_path / "a.avi", 5))).open()
    for index, (_, pixels) in enumerate(read_all(source)):
        shown = np.frombuffer(pixels, np.uint8).reshape(48, 64, 3).astype(int)
        assert np.abs(shown - picture(index)).mean() < 8
    source.close()


def test_frames_are_decoded_in_place() -> None:
    path = assets_dir() / "digits.mp4"
    capture = Capture(str(path), ffmpeg=True)
    slot = np.zeros(capture.height * capture.width * 3, np.uint8)
    view = slot.reshape(capture.height, capture.width, 3)
    assert capture.grab()
    ok, image = capture._handle.retrieve(view)
    assert ok
    assert np.shares_memory(image, slot)
    expected = quiet_cv2().VideoCapture(str(path)).read()[1]
    assert np.array_equal(view, expected)
    capture.close()


def test_the_bundled_clip() -> None:
    source = make("video_file", path="bundled:digits.mp4").open()
    frames = read_all(source)
    assert len(frames) == source.spec.frames == 270
    assert source.spec.fps == pytest.approx(30)
    assert frames[-1][0].stream_ms == pytest.approx(269 * 1000 / 30, abs=1)
    source.close()


@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.95])
def test_an_mp4_without_its_end_cannot_be_opened(part: float, tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "a.mp4", 60, codec="mp4v"), part)
    with pytest.raises(InputError) as caught:
        make("video_file", path=str(path)).open()
    (problem,) = caught.value.problems
    assert (problem.node, problem.field) == ("mine", "path")
    assert "a.mp4" in problem.found
    assert "cut short" in problem.hint


@pytest.mark.parametrize(
    ("name", "codec", "part"),
    [("a.avi", "MJPG", 0.5), ("a.avi", "XVID", 0.5), ("a.avi", "MJPG", 0.95), ("a.mkv", "mp4v", 0.5)],
)
def test_a_file_that_breaks_off_fails_where_it_breaks(
    name: str, codec: str, part: float, tmp_path: Path
) -> None:
    path = cut(write_video(tmp_path / name, 150, codec=codec), part)
    source = make("video_file", path=str(path)).open()
    assert source.spec.frames == 150
    with pytest.raises(RunFailed) as caught:
        read_all(source)
    (problem,) = caught.value.problems
    assert problem.node == "mine"
    assert "of 150" in problem.found
    assert name in problem.found
    assert problem.hint
    source.close()


def test_an_mp4_with_its_index_in_front_fails_where_it_breaks(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 60, codec="mp4v")
    path.write_bytes(moved_header(path.read_bytes()))
    whole = make("video_file", path=str(path)).open()
    assert len(read_all(whole)) == 60
    whole.close()
    source = make("video_file", path=str(cut(path, 0.6))).open()
    with pytest.raises(RunFailed, match="of 60"):
        read_all(source)
    source.close()


def test_a_video_that_was_filmed_upright_is_turned(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 5, codec="mp4v")
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(data)
    source = make("video_file", path=str(path)).open()
    assert (source.spec.height, source.spec.width) == (64, 48)
    for index, (info, pixels) in enumerate(read_all(source)):
        assert (info.height, info.width) == (64, 48)
        shown = np.frombuffer(pixels, np.uint8).reshape(64, 48, 3).astype(int)
        assert np.abs(shown - np.rot90(picture(index), -1)).mean() < 8
    source.close()


def test_no_video_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"this is no video " * 100)
    with pytest.raises(InputError, match="cannot be opened"):
        make("video_file", path=str(path)).open()


def test_a_video_without_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", 0)
    with pytest.raises(InputError, match="video"):
        make("video_file", path=str(path)).open()


def test_a_missing_file_is_a_problem_before_anything_runs(tmp_path: Path) -> None:
    (problem,) = make("video_file", base=tmp_path, path="gone.mp4").problems()
    assert problem.found == str(tmp_path / "gone.mp4")
    assert problem.option == "--set mine.path=PATH"
    (problem,) = make("video_file").problems()
    assert "no video file" in problem.message
    (problem,) = make("video_file", path=str(tmp_path)).problems()
    assert "missing" in problem.message


@pytest.mark.parametrize("type", ["video_file", "image_folder", "jsonl", "csv", "video_writer", "inference"])
def test_a_name_that_no_file_can_have_is_a_problem_like_any_other(type: str, tmp_path: Path) -> None:
    field = "model" if type == "inference" else "path"
    problems = make(type, base=tmp_path, **{field: "x" * 3000}).problems()
    assert field in [problem.field for problem in problems]


@pytest.mark.parametrize("name", ["späte Häuser 中文.avi", "50% off #1.avi", "img_%03d.avi"])
def test_awkward_names(name: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", 4)
    path.rename(tmp_path / name)
    source = make("video_file", path=str(tmp_path / name)).open()
    assert len(read_all(source)) == 4
    source.close()


def test_nothing_is_written_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = cut(write_video(tmp_path / "a.mp4", 20, codec="mp4v"), 0.5)
    with pytest.raises(InputError):
        make("video_file", path=str(path)).open()
    assert capfd.readouterr() == ("", "")


def test_a_video_that_is_deleted_while_it_loops_is_missing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", 3)
    source = make("video_file", path=str(path), loop=True).open()
    path.unlink()
    with pytest.raises(InputError, match="missing"):
        source.rewind()
    source.close()
