"""Files that are written whole or not at all."""

import sys
from pathlib import Path

import pytest

from cluster4npu.core.files import write_whole


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
