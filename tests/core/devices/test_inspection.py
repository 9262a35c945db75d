"""Model inspection: what it finds, and that no file takes more than its limits."""

from __future__ import annotations

import os
import sys
from multiprocessing import active_children
from pathlib import Path

import pytest

from cluster4npu.core.devices.inspection import Limits, inspect_model
from cluster4npu.core.devices.model_report import guess_task
from cluster4npu.core.errors import Cluster4NPUError, InputError
from cluster4npu.core.settings import assets_dir
from tests.backends import models


def test_the_bundled_detector() -> None:
    report = inspect_model(assets_dir() / "digits_detector.onnx")
    assert (report.format, report.task, report.layout) == ("ONNX", "detection", "yolov8")
    assert report.inputs[0].shape[1:] == (3, 320, 320) and report.outputs[0].shape[1:] == (14, 2100)
    assert report.labels == tuple("0123456789") and report.operators["Conv"] == 51
    assert report.flops == pytest.approx(1.59e9, rel=0.01)
    assert report.parameters is not None and 400_000 < report.parameters < 500_000
    assert len(report.sha256) == 64 and report.opset == 17


@pytest.mark.parametrize(
    "limits", [Limits(seconds=0.01), Limits(memory_bytes=1 << 20)], ids=["time", "memory"]
)
def test_a_look_that_costs_too_much_is_ended(limits: Limits, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="took"):
        inspect_model(models.conv(tmp_path / "m.onnx"), limits)
    assert active_children() == []


def test_a_file_that_ends_the_process_ends_only_that(tmp_path: Path) -> None:
    def kill() -> bool:
        for child in active_children():
            child.kill()
        return False

    with pytest.raises(InputError, match="ended the process"):
        inspect_model(models.conv(tmp_path / "m.onnx"), cancelled=kill)


def test_it_can_be_cancelled(tmp_path: Path) -> None:
    with pytest.raises(Cluster4NPUError, match="cancelled"):
        inspect_model(models.conv(tmp_path / "m.onnx"), cancelled=lambda: True)
    assert active_children() == []


@pytest.mark.skipif(sys.platform == "win32", reason="pipes as on POSIX")
def test_wrong_files_are_told_from_the_child(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    models.two_inputs(tmp_path / "two.onnx")
    (tmp_path / "cut.onnx").write_bytes(models.detector(tmp_path / "d.onnx").read_bytes()[:200])
    for name, word in (("pipe.onnx", "ordinary"), ("two.onnx", "one input"), ("cut.onnx", "loaded")):
        with pytest.raises(InputError, match=word) as caught:
            inspect_model(tmp_path / name)
        assert caught.value.problems[0].hint


@pytest.mark.parametrize(
    ("outputs", "labels", "told", "task"),
    [
        (((1, 84, 8400),), (), "", ("detection", "yolov8")),
        (((1, 300, 6),), ("a",) * 80, "", ("detection", "end2end")),
        (((1, 300, 6),), (), "", ("unknown", "")),  # may be YOLOv8's as well
        (((1, 1000),), (), "", ("classification", "")),
        (((None, 5, 1, 1),), (), "", ("classification", "")),
        (((1, 10),), (), "detect", ("detection", "")),
        (((1, 1),), (), "", ("unknown", "")),
        (((1, 3, 20, 20), (1, 5)), (), "", ("unknown", "")),
    ],
)
def test_the_task_is_guessed_from_shapes(outputs, labels, told, task) -> None:
    assert guess_task(outputs, labels, told) == task
