"""`cluster4npu inspect`: a report as text and JSON, and one message for a file that is none."""

from __future__ import annotations

import pickle
from pathlib import Path


def test_the_bundled_detector(cli) -> None:
    done = cli("inspect", "bundled:digits_detector.onnx", "--json")
    assert done.code == 0, done.err
    assert done.json["task"] == "detection" and done.json["inputs"][0]["shape"] == [None, 3, 320, 320]
    text = cli("inspect", "bundled:digits_detector.onnx").out
    assert "51 Conv" in text and "boxes as yolov8" in text


def test_a_pickle_is_refused_without_pytorch(cli, tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(pickle.dumps({"weights": [1.0] * 99}))
    done = cli("inspect", "net.pt")
    assert done.code == 2 and "Python pickle" in done.err and "Install" not in done.err


def test_a_file_that_is_none(cli, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"nonsense" * 50)
    done = cli("inspect", "m.onnx")
    assert done.code == 2 and "Traceback" not in done.text and "m.onnx" in done.err
    assert cli("inspect", "missing.onnx").code == 2
    assert cli("inspect", "notes.txt").code == 2
