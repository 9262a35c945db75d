"""The templates: every one opens, is valid, and runs on simulated devices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.errors import InputError
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.core.settings import assets_dir
from cluster4npu.templates import PipelineTemplates, cpu_workers, simulated_devices

NAMES = ["simulated", "object_detection", "classification", "fire_detection"]
ALL = [*NAMES, "looking_away", "detect_then_classify", "several_sources"]


def test_the_promised_templates_exist() -> None:
    assert set(ALL) <= set(PipelineTemplates.names())
    assert [info.key for info in PipelineTemplates.catalogue()] == PipelineTemplates.names()


@pytest.mark.parametrize("name", ALL)
def test_each_is_valid_as_it_comes(name: str) -> None:
    assert find_problems(PipelineTemplates.get(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_each_survives_its_file(name: str, tmp_path: Path) -> None:
    config = PipelineTemplates.get(name, devices=["sim:ane"])
    config.save(tmp_path / "pipeline.json")
    assert PipelineConfig.open(tmp_path / "pipeline.json").text() == config.text()


@pytest.mark.parametrize(
    ("name", "count"), [*((name, 2) for name in NAMES), ("object_detection", 4), ("simulated", 8)]
)
def test_each_runs_on_several_simulated_devices(name: str, count: int) -> None:
    devices = [f"sim:fast{number}?ms=2" for number in range(count)]
    config = PipelineTemplates.get(name, devices=devices)
    with Engine(config, RunOptions(frames=4 * count, calibration="never")) as run:
        summary = run.wait(60)
    assert summary.frames_out == 4 * count
    assert summary.frames_failed == 0
    assert {device.id for device in summary.devices if device.frames} == set(
        config.node("inference").params["devices"]
    )


def test_a_second_model_reads_what_the_first_has_found() -> None:
    config = PipelineTemplates.get("detect_then_classify").with_params("detections", confidence=0.6)
    with Engine(config, RunOptions(frames=30, calibration="never", results=True)) as run:
        found = [entry for r in run.results() for entry in r.values["attach.detections"].as_json()]
        summary = run.wait()
        assert run.started is not None and run.started.crop_labels["attach.detections"][3] == "3"
    assert len(found) == summary.stages[1].runs >= 270
    assert sum(entry["crop"]["class"] == entry["class"] for entry in found) >= 0.95 * len(found)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_templates_for_a_number_of_devices(count: int) -> None:
    for make in (
        PipelineTemplates.get_object_detection_template,
        PipelineTemplates.get_fire_detection_template,
        PipelineTemplates.get_classification_template,
        PipelineTemplates.get_simulated_template,
    ):
        config = make(count)
        devices = config.node("inference").params["devices"]
        assert isinstance(devices, list) and len(set(map(str, devices))) == count
        assert find_problems(config) == []


@pytest.mark.parametrize("count", [0, -1, 65, 2.5, "2", None])
def test_an_odd_number_of_devices_is_refused(count: int) -> None:
    with pytest.raises(InputError):
        PipelineTemplates.get_object_detection_template(count)


def test_the_users_model_and_devices_are_put_in() -> None:
    config = PipelineTemplates.get("object_detection", model="mine.onnx", devices=cpu_workers(2))
    assert config.node("inference").params["model"] == "mine.onnx"
    assert config.node("inference").params["devices"] == ["onnx:cpu", "onnx:cpu#2"]
    assert "try-out" not in config.description


def test_a_model_without_devices_takes_every_real_device() -> None:
    assert (
        PipelineTemplates.get("classification", model="mine.onnx").node("inference").params["devices"] == []
    )


def test_classification_is_tried_with_a_model_and_does_not_pretend() -> None:
    config = PipelineTemplates.get_classification_template(1)
    assert config.node("inference").params["model"] == "bundled:digit_classifier.onnx"
    assert "try-out" in config.description and "only that the pipeline runs" in config.description
    info = next(i for i in PipelineTemplates.catalogue() if i.key == "classification")
    assert info.model_needed and "one handwritten digit" in info.description
    with Engine(config, RunOptions(frames=3, calibration="never", results=True)) as run:
        found = [r.values["classes.classes"].as_json() for r in run.results()]
        assert not run.wait().simulated
    assert [len(classes) for classes in found] == [5, 5, 5]


def test_fire_detection_does_not_pretend() -> None:
    assert "cannot see fire" in PipelineTemplates.get("fire_detection").description
    info = next(i for i in PipelineTemplates.catalogue() if i.key == "fire_detection")
    assert info.model_needed and "cannot see fire" in info.description


def test_simulated_devices_repeat_the_reference_trio() -> None:
    assert simulated_devices(5) == ["sim:ane", "sim:gpu", "sim:cpu", "sim:ane#2", "sim:gpu#2"]


def test_a_template_without_a_model_takes_neither_model_nor_devices() -> None:
    for wish in ({"model": "mine.onnx"}, {"devices": ["sim:ane"]}):
        with pytest.raises(InputError) as caught:
            PipelineTemplates.get("looking_away", **wish)  # type: ignore[arg-type]
        assert "without a model" in str(caught.value)


def test_an_unknown_template_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        PipelineTemplates.get("object_detecton")
    assert "object_detection" in caught.value.problems[0].hint


@pytest.mark.parametrize("task", ["detections", "classify", "none"])
def test_custom_templates_are_valid(task: str) -> None:
    config = PipelineTemplates.create_custom_template(
        "Mine", source="synthetic", source_params={"width": 64, "height": 48}, task=task, devices=["sim:ane"]
    )
    assert find_problems(config) == []
    places = [node.position for node in config.nodes]
    assert len(set(places)) == len(places)


def test_nodes_do_not_overlap_on_the_canvas() -> None:
    for name in PipelineTemplates.names():
        nodes = PipelineTemplates.get(name).nodes
        for node in nodes:
            for other in nodes:
                if node is not other:
                    apart = (
                        abs(node.position[0] - other.position[0]),
                        abs(node.position[1] - other.position[1]),
                    )
                    assert apart[0] >= 200 or apart[1] >= 120


def test_the_example_is_the_digits_clip_on_two_workers() -> None:
    path = assets_dir() / "example.json"
    config = PipelineConfig.open(path)
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(config.text())
    assert config.node("inference").params["devices"] == ["onnx:cpu", "onnx:cpu#2"]
    assert find_problems(config) == []


def test_a_sink_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        PipelineTemplates.create_custom_template("mine", sinks=("count", "count"))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("source", {"source": "nosuch"}),
        ("task", {"task": "nosuch"}),
        ("task", {"task": "preprocess"}),
        ("sinks", {"sinks": "count"}),
        ("sinks", {"sinks": ["nosuch"]}),
        ("devices", {"devices": ["no device"]}),
        ("name", {"name": "\ud800"}),
        ("model", {"model": "a\0b"}),
    ],
)
def test_a_custom_template_that_cannot_be_is_refused_with_its_field(field: str, wrong: dict) -> None:
    with pytest.raises(InputError) as caught:
        PipelineTemplates.create_custom_template(**{"name": "mine", **wrong})
    assert field in str(caught.value) or caught.value.problems[0].field == field


def test_a_number_of_devices_is_a_number() -> None:
    with pytest.raises(InputError):
        PipelineTemplates.get_fire_detection_template(True)
