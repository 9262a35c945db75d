"""Model inspection: what it finds, and that no file takes more than its limits."""

from __future__ import annotations

import os
import sys
from multiprocessing import active_children
from pathlib import Path

import onnx
import pytest

from cluster4npu.core.devices.inspection import Limits, inspect_model
from cluster4npu.core.devices.model_file import cannot_load, check_named
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


def test_a_model_that_cannot_run_is_refused_when_it_is_looked_at(tmp_path: Path) -> None:
    misfit = models.conv(tmp_path / "misfit.onnx")
    network = onnx.load(misfit)
    network.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 7
    onnx.save(network, misfit)
    with pytest.raises(InputError, match=r"7 channels into 'values'.*allowed: 3 channels") as caught:
        inspect_model(misfit)
    assert "no device can run it" in caught.value.problems[0].hint
    huge = models.conv(tmp_path / "huge.onnx", size=(100_000, 100_000))
    with pytest.raises(InputError, match=r"huge\.onnx.*(memory|100000)|larger than any frame"):
        inspect_model(huge)
    with pytest.raises(InputError, match="the model has no inputs"):
        check_named(misfit, {}, {})


def test_what_a_runtime_says_is_told_without_its_sources() -> None:
    said = (
        "Load model from m.onnx failed:/onnxruntime_src/core/graph/model_load_utils.h:46 void "
        "onnxruntime::model_load_utils::ValidateOpsetForDomain(const std::unordered_map<std::__cxx11::basic_string"
        "<char>, int>&, bool, int) ONNX Runtime only *guarantees* support for released opset versions. "
        "Opset 99 is under development and support for this is limited. " + "More words. " * 40
    )
    (problem,) = cannot_load(Path("m.onnx"), "onnx:cpu", said).problems
    assert "Opset 99 is under development" in problem.found and "onnxruntime::" not in problem.found
    assert problem.found.endswith((" words. \N{HORIZONTAL ELLIPSIS}", " More \N{HORIZONTAL ELLIPSIS}"))
    assert len(problem.found) <= 400 and "lower opset" in problem.hint
