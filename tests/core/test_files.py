"""Files that are written whole or not at all."""

import hashlib
import os
import sys
from pathlib import Path

import pytest

from cluster4npu.core.files import digest_of, read_whole, write_whole


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
def test_a_file_keeps_its_rights_and_a_new_one_has_the_usual_ones(tmp_path: Path) -> None:
    kept, new, usual = tmp_path / "kept", tmp_path / "new", tmp_path / "usual"
    kept.write_text("old")
    kept.chmod(0o640)
    usual.touch()
    write_whole(kept, "text")
    write_whole(new, "text")
    assert kept.read_text() == "text" and kept.stat().st_mode & 0o777 == 0o640
    assert new.stat().st_mode == usual.stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "new", "usual"]


def test_a_text_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "new", "\ud800")
    assert list(tmp_path.iterdir()) == []


def test_what_is_larger_than_allowed_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert read_whole(file, 5) == b"12345" and digest_of(file) == hashlib.sha256(b"12345").hexdigest()
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_whole(file, 4)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither")
def test_devices_without_end_and_pipes_without_a_writer_are_refused(tmp_path: Path) -> None:
    pipe, endless = tmp_path / "pipe", tmp_path / "endless.json"
    os.mkfifo(pipe)
    endless.symlink_to("/dev/zero")
    for path in (pipe, endless):
        with pytest.raises(OSError, match="a device or a pipe"):
            read_whole(path, 100)
        assert digest_of(path) == ""
