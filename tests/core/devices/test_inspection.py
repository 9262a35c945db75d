"""Model inspection: what it finds, and that no file takes more than its limits."""

from __future__ import annotations

import os
import sys
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.inspection import Limits, inspect_model
from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.devices.model_file import cannot_load, check_named
from cluster4npu.core.devices.model_report import guess_task
from cluster4npu.core.devices.runtime_text import contradicts_itself, memory_wanted, plain
from cluster4npu.core.errors import Cluster4NPUError, InputError
from cluster4npu.core.settings import assets_dir
from tests.backends import models

OPENVINO = (
    "Exception from src/inference/src/cpp/core.cpp:132:\nCheck 'false' failed at src/frontends/ops_report.cpp:151:\n"
    "FrontEnd API failed with OpConversionFailure:\n-- Conv-17 with a message:\nWhile validating ONNX node "
    "'<Node(Conv): y>': Check 'a || b[1]' failed at src/core/util.hpp:307:\nWhile validating node 'opset1::Convolution "
    "C_4 (opset1::Parameter x[0]:f32[1,3,64,64]) -> (dynamic[...])' with friendly_name 'C_4':\nData batch channel "
    "count (3) does not match filter input channel count (4).\n\nSummary:\n-- Conversion is failed for: Conv-17\n"
)
NO_ROOM = (
    "Error in execution: Non-zero status code returned while running ConstantOfShape node. Name:'c' Status Message: "
    "/onnxruntime_src/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, "
    "onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 4423680000000"
)


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


def misfit(path: Path, **sizes: object) -> Path:
    """Return a model whose input was given other sizes than it was made for."""
    network = onnx.load(models.conv(path))
    for axis, size in zip(network.graph.input[0].type.tensor_type.shape.dim, sizes["shape"], strict=True):  # type: ignore[call-overload]
        axis.dim_value = size
    onnx.save(network, path)
    return path


def network(path: Path, node: Any, weights: dict[str, np.ndarray], output: list[int] | None) -> Path:
    """Return a model of one operator on an image of 8 x 8, whose output is declared as this (None: it has none)."""
    outputs = [models.tensor("y", output)] if output is not None else []
    held = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph([node], "g", [models.tensor("image", [1, 3, 8, 8])], outputs, held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def look(path: Path) -> ModelInfo:
    looked = registry.backend("onnx").look(path)
    assert looked is not None
    return looked[0]


def test_a_model_that_cannot_run_is_refused_when_it_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"parts of the model do not fit.*Conv 'values.*kernel channels"
    ) as caught:
        inspect_model(misfit(tmp_path / "m.onnx", shape=(1, 7, 16, 24)))
    assert "No device can run it" in caught.value.problems[0].hint
    huge = models.conv(tmp_path / "huge.onnx", size=(100_000, 100_000))
    with pytest.raises(
        Cluster4NPUError, match=r"huge\.onnx.*(memory|100000)|larger than any frame|more memory"
    ):
        inspect_model(huge)
    shape = {"s": np.array([1, 10])}
    reshape = helper.make_node("Reshape", ["image", "s"], ["y"])
    wrong = [
        (
            network(tmp_path / "r.onnx", reshape, shape, [1, 10]),
            "Reshape: The input tensor cannot be reshaped",
        ),
        (
            network(tmp_path / "o.onnx", helper.make_node("Relu", ["image"], ["y"]), {}, None),
            "has no outputs",
        ),
        (misfit(tmp_path / "z.onnx", shape=(1, 3, 0, 24)), "without any number"),
    ]
    for path, word in wrong:
        with pytest.raises(InputError, match=word):
            look(path)
    with pytest.raises(InputError, match="the model has no inputs"):
        check_named(tmp_path / "n.onnx", {}, {})


def test_shapes_are_those_that_a_model_gives_not_those_that_it_declares(tmp_path: Path) -> None:
    relu = helper.make_node("Relu", ["image"], ["y"])
    assert look(network(tmp_path / "d.onnx", relu, {}, [1, 99])).output_shapes == ((1, 3, 8, 8),)
    assert look(models.classifier(tmp_path / "open.onnx")).output_shapes == ((1, 5),)  # is not tried


def test_what_a_runtime_says_is_told_without_its_sources() -> None:
    said = (
        "Load model from m.onnx failed:/onnxruntime_src/core/graph/model_load_utils.h:46 void "
        "onnxruntime::model_load_utils::ValidateOpsetForDomain(const std::unordered_map<std::__cxx11::basic_string"
        "<char>, int>&, bool, int) ONNX Runtime only *guarantees* support for released opset versions. "
        "Opset 99 is under development and support for this is limited. " + "More words. " * 40
    )
    (problem,) = cannot_load(Path("m.onnx"), "onnx:cpu", said).problems
    assert problem.found == "opset 99 in m.onnx" and "lower opset" in problem.hint
    said = said.replace("Opset 99 is under development", "Something is not right")
    (problem,) = cannot_load(Path("m.onnx"), "onnx:cpu", said).problems
    assert "Something is not right" in problem.found and "onnxruntime::" not in problem.found
    assert problem.found.endswith((" words. \N{HORIZONTAL ELLIPSIS}", " More \N{HORIZONTAL ELLIPSIS}"))
    assert len(problem.found) <= 400
    assert (
        plain(OPENVINO)
        == "Conv 'y': Data batch channel count (3) does not match filter input channel count (4)."
    )
    assert contradicts_itself(plain(OPENVINO)) and not contradicts_itself(NO_ROOM)
    assert plain(NO_ROOM).startswith("ConstantOfShape 'c': Failed to allocate") and memory_wanted(
        NO_ROOM
    ) == ("4,119.9 GiB at once")
