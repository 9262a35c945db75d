"""Image folders: natural order, sizes that differ, formats, and files that are broken."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cluster4npu.core.errors import InputError, RunFailed
from cluster4npu.core.nodes.image_folder import natural_key
from tests.core.nodes.media import make, picture, read_all, write_image


def test_natural_order() -> None:
    names = ["10.png", "2.png", "a10b2.png", "a2b10.png", "A2b9.png", "01.png", "1.png", "b.png", "²3.png"]
    ordered = sorted(names, key=natural_key)
    assert ordered[:4] == ["01.png", "1.png", "2.png", "10.png"]
    assert ordered[4:] == ["A2b9.png", "a2b10.png", "a10b2.png", "b.png", "²3.png"]


def test_images_are_read_in_order_and_lossless_ones_exactly(tmp_path: Path) -> None:
    for index in (10, 9, 1, 2):
        write_image(tmp_path / f"frame {index}.png", index)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    source = make("image_folder", path=str(tmp_path)).open()
    assert [pixels for _, pixels in read_all(source)] == [picture(i).tobytes() for i in (1, 2, 9, 10)]


def test_sizes_may_differ(tmp_path: Path) -> None:
    sizes = [(20, 90), (48, 64), (100, 10)]
    for index, size in enumerate(sizes):
        write_image(tmp_path / f"{index}.bmp", index, *size)
    source = make("image_folder", path=str(tmp_path)).open()
    assert (source.spec.height, source.spec.width) == (100, 90)
    found = read_all(source)
    assert [(info.height, info.width) for info, _ in found] == sizes
    assert [pixels for _, pixels in found] == [picture(i, *size).tobytes() for i, size in enumerate(sizes)]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG", ".png", ".bmp", ".webp", ".tif", ".tiff"])
def test_formats(suffix: str, tmp_path: Path) -> None:
    write_image(tmp_path / f"ünïcode 中{suffix}")
    ((info, pixels),) = read_all(make("image_folder", path=str(tmp_path)).open())
    assert (info.height, info.width) == (48, 64)
    shown = np.frombuffer(pixels, np.uint8).reshape(48, 64, 3).astype(int)
    assert np.abs(shown - picture(0)).mean() < 10


def test_grey_transparent_and_turned_images(tmp_path: Path) -> None:
    Image.new("L", (30, 20), 7).save(tmp_path / "1.png")
    Image.new("RGBA", (30, 20), (1, 2, 3, 128)).save(tmp_path / "2.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (90, 20), (200, 0, 0)).save(tmp_path / "3.jpg", exif=exif)
    source = make("image_folder", path=str(tmp_path)).open()
    assert (source.spec.height, source.spec.width) == (90, 30)
    found = read_all(source)
    assert [(info.height, info.width) for info, _ in found] == [(20, 30), (20, 30), (90, 20)]
    assert set(found[0][1]) == {7}
    assert found[1][1][:3] == bytes((3, 2, 1))


def test_patterns(tmp_path: Path) -> None:
    for name in ("a1.png", "a2.jpg", "b1.png"):
        write_image(tmp_path / name)
    count = lambda pattern: len(read_all(make("image_folder", path=str(tmp_path), pattern=pattern).open()))  # noqa: E731
    assert count("*") == 3
    assert count("*.PNG") == 2
    assert count("a*") == 2
    (problem,) = make("image_folder", path=str(tmp_path), pattern="c*").problems()
    assert problem.field == "pattern"


@pytest.mark.parametrize("kind", ["empty", "garbage", "half header"])
def test_a_file_without_header_is_named_before_the_run(kind: str, tmp_path: Path) -> None:
    whole = write_image(tmp_path / "1.png").read_bytes()
    (tmp_path / "2.png").write_bytes({"empty": b"", "garbage": b"x" * 500, "half header": whole[:12]}[kind])
    with pytest.raises(InputError) as caught:
        make("image_folder", path=str(tmp_path)).open()
    assert "2.png" in caught.value.problems[0].found


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_file_cut_short_fails_when_it_is_read(suffix: str, tmp_path: Path) -> None:
    write_image(tmp_path / f"1{suffix}")
    second = write_image(tmp_path / f"2{suffix}", 1, 200, 300)
    second.write_bytes(second.read_bytes()[: second.stat().st_size // 2])
    source = make("image_folder", path=str(tmp_path)).open()
    with pytest.raises(RunFailed) as caught:
        read_all(source)
    assert caught.value.problems[0].node == "mine"
    assert f"2{suffix}" in caught.value.problems[0].found


def test_an_image_that_has_gone_or_grown(tmp_path: Path) -> None:
    paths = [write_image(tmp_path / f"{index}.png", index) for index in range(3)]
    source = make("image_folder", path=str(tmp_path)).open()
    slot = np.empty(source.spec.nbytes, np.uint8)
    paths[0].unlink()
    with pytest.raises(RunFailed, match=r"0\.png"):
        source.read_into(slot)
    write_image(paths[1], 1, 500, 500)
    with pytest.raises(RunFailed, match=r"1\.png"):
        source.read_into(slot)
    assert source.read_into(slot) is not None


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    header = bytearray(write_image(tmp_path / "bomb.png").read_bytes())
    header[16:24] = struct.pack(">II", 60_000, 60_000)
    header[29:33] = struct.pack(">I", zlib.crc32(header[12:29]))
    (tmp_path / "bomb.png").write_bytes(header)
    with pytest.raises(InputError, match=r"bomb\.png"):
        make("image_folder", path=str(tmp_path)).open()
