"""Files of earlier designers: every node and wire has a counterpart, or is told in a comment; nothing is dropped."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster4npu.core.errors import InputError
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.core.pipeline.mflow import convert

OLD: dict[str, Any] = {
    "project_name": "Gate",
    "description": "Watches the gate.",
    "version": "1.0",
    "nodes": [
        {"id": "0x1", "name": "Input 1", "type": "InputNode", "pos": [0, 10],
         "properties": {"source_type": "Camera", "device_id": 2, "resolution": "1920x1080", "fps": 15}},
        {"id": "0x2", "name": "Preprocess 1", "type": "PreprocessNode", "pos": [250, 10],
         "properties": {"resize_width": 640, "resize_height": 480, "normalize": True, "operations": "resize"}},
        {"id": "0x3", "name": "Model 1", "type": "ModelNode", "pos": [500, 10],
         "properties": {"model_path": "yolo.nef", "dongle_series": "720", "num_dongles": 2, "port_id": "28"}},
        {"id": "0x4", "name": "Postprocess 1", "type": "PostprocessNode", "pos": [750, 10],
         "properties": {"confidence_threshold": 0.6, "nms_threshold": 0.5, "output_format": "JSON"}},
        {"id": "0x5", "name": "Output 1", "type": "OutputNode", "pos": [1000, 10],
         "properties": {"output_type": "File", "destination": "out.json", "format": "JSON", "save_interval": 1.0}},
        {"id": "0x6", "name": "Screen", "type": "OutputNode", "pos": [1000, 210],
         "properties": {"output_type": "Display"}},
        {"id": "0x7", "name": "Siren", "type": "SirenNode", "pos": [0, 0], "properties": {"loud": 11}},
    ],
    "connections": [
        {"output_node": "0x1", "output_port": "output", "input_node": "0x2", "input_port": "input"},
        {"output_node": "0x2", "output_port": "output", "input_node": "0x3", "input_port": "input"},
        {"output_node": "0x3", "output_port": "output", "input_node": "0x4", "input_port": "input"},
        {"output_node": "0x4", "output_port": "output", "input_node": "0x5", "input_port": "input"},
        {"output_node": "0x4", "output_port": "output", "input_node": "0x6", "input_port": "input"},
        {"output_node": "0x4", "output_port": "output", "input_node": "0x7", "input_port": "input"},
    ],
}  # fmt: skip


def opened(data: dict[str, Any], folder: Path) -> PipelineConfig:
    path = folder / "old.mflow"
    path.write_text(json.dumps(data))
    return PipelineConfig.open(path)


def test_every_node_and_wire_has_its_counterpart(tmp_path: Path) -> None:
    config = opened(OLD, tmp_path)
    assert (config.name, config.description, config.base) == ("Gate", "Watches the gate.", tmp_path.resolve())
    assert {n.id: (n.type, n.params) for n in config.nodes} == {
        "input_1": ("camera", {"index": 2, "target_fps": 15.0}),
        "preprocess_1": ("preprocess", {"width": 640, "height": 480, "scale": 1 / 255}),
        "model_1": ("inference", {"model": "yolo.nef"}),
        "postprocess_1": ("detections", {"confidence": 0.6, "iou": 0.5}),
        "output_1": ("jsonl", {"path": "out.json"}),
        "screen": ("preview", {}),
    }
    assert config.node("model_1").position == (500.0, 10.0)
    assert [f"{e.source}>{e.target}" for e in config.edges] == [
        "input_1.frame>preprocess_1.frame",
        "preprocess_1.tensor>model_1.tensor",
        "model_1.outputs>postprocess_1.outputs",
        "postprocess_1.detections>output_1.result",
        "postprocess_1.detections>screen.result",
        "input_1.frame>screen.frame",
    ]
    wrong = {(p.node, p.field) for p in find_problems(config) if p.severity == "error"}
    assert {("model_1", "model")} <= wrong <= {("input_1", "index"), ("model_1", "model")}  # neither is here


def test_what_has_no_counterpart_is_kept_and_saved(tmp_path: Path) -> None:
    config = opened(OLD, tmp_path)
    (comment,) = config.boxes
    for word in ("num_dongles = 2", 'resolution = "1920x1080"', "SirenNode", "loud", "0x7", "save_interval"):
        assert word in comment.text
    config.save(tmp_path / "new.json")
    assert PipelineConfig.open(tmp_path / "new.json").boxes == config.boxes


@pytest.mark.parametrize(
    ("properties", "type", "params"),
    [
        ({"source_type": "File", "source_path": "a.mp4"}, "video_file", {"path": "a.mp4"}),
        ({"source_type": "RTSP Stream", "source_path": "rtsp://h/1"}, "rtsp", {"url": "rtsp://h/1"}),
        ({"source_type": "Microphone"}, "synthetic", {}),
        ({"source_path": "bundled:digits.mp4"}, "video_file", {"path": "digits.mp4"}),
        ({"device_id": "3"}, "camera", {"index": 3}),
        ({"device_id": -7}, "camera", {}),
    ],
)
def test_inputs_of_every_kind(properties: dict, type: str, params: dict, tmp_path: Path) -> None:
    entry = {"id": 1, "name": "In", "type": "Input", "properties": properties}
    config = opened({"nodes": [entry], "connections": []}, tmp_path)
    assert (config.nodes[0].type, config.nodes[0].params) == (type, params)


def test_nothing_is_lost_or_shortened(tmp_path: Path) -> None:
    long = "x" * 9000
    model = {
        "id": "m2",
        "name": "Model 2",
        "type": "Model",
        "disabled": True,
        "color": [1, 2],
        "properties": {"a": long},
    }
    second = {"output_node": "m2", "input_node": "0x4"}
    data = {**OLD, "nodes": [*OLD["nodes"], model], "connections": [*OLD["connections"], second]}
    config = opened(data, tmp_path)
    assert config.node("model_2").bypassed and not config.node("model_1").bypassed
    told = "\n".join(box.text for box in config.boxes)
    assert "a second connection into postprocess_1.outputs" in told and "model_2: color = [1, 2]" in told
    assert told.count("x") > 9000
    assert PipelineConfig.parse(config.text()) == config.replace(base=None)


@pytest.mark.parametrize(
    ("type", "properties", "params", "told"),
    [
        ("Input", {"source_type": "Camera", "device_id": 2}, {"index": 2}, []),
        ("Input", {"source_type": "USB Camera", "device_id": "x"}, {}, ["source_type", "device_id"]),
        ("Input", {"source_type": "Microphone"}, {}, ["source_type"]),
        ("Input", {"source_type": "Camera", "source_path": "a.mp4"}, {}, ["source_path"]),
        ("Input", {"source_type": "File", "source_path": 5}, {}, ["source_path"]),
        ("Input", {"source_type": "Screen", "url": "rtsp://h/1"}, {"url": "rtsp://h/1"}, ["source_type"]),
        ("Input", {"source_path": "bundled:a.mp4"}, {"path": "a.mp4"}, ["source_path"]),
        ("Preprocess", {"normalize": False}, {"scale": 1.0}, []),
        ("Preprocess", {"normalize": "imagenet"}, {}, ["normalize"]),
        ("Preprocess", {"resize_width": 640.7}, {"width": 640}, ["resize_width"]),
        ("Model", {"model_path": ["a.nef"]}, {}, ["model_path"]),
        ("Model", {"model_path": "a.nef", "model": "b.nef"}, {"model": "a.nef"}, ["model"]),
        ("Output", {"output_type": "Display"}, {}, []),
        ("Output", {"output_type": "File", "format": "CSV", "destination": "a"}, {"path": "a"}, []),
        ("Output", {"output_type": "File", "format": "JSON", "destination": "a"}, {"path": "a"}, ["format"]),
        ("Output", {"output_type": "Database", "format": "XML"}, {}, ["output_type", "format"]),
        ("Output", {"output_type": "Display", "destination": {"a": 1}}, {}, ["destination"]),
        ("Output", {"output_type": "MQTT", "destination": "t"}, {}, ["destination"]),
    ],
)
def test_a_property_is_taken_over_or_told(
    type: str, properties: dict, params: dict, told: list[str], tmp_path: Path
) -> None:
    config = opened(
        {"nodes": [{"name": "N", "type": type, "properties": properties}], "connections": []}, tmp_path
    )
    assert config.nodes[0].params == params
    lines = [line for box in config.boxes for line in box.text.splitlines()[1:]]
    assert lines == [f"n: {name} = {json.dumps(properties[name], ensure_ascii=False)}" for name in told]


def test_whatever_stands_beside_properties_is_told(tmp_path: Path) -> None:
    entry = {"id": 1, "name": "N" * 300, "type": "SpecialInputNode", "pos": [1e9, 0], "disabled": "yes",
             "properties": {}, "custom": {"a": 1}, "position": [5, 5]}  # fmt: skip
    other = {"id": 2, "name": "P", "type": "Preprocess"}
    wire = {"output_node": 1, "input_node": 2, "output_port": "second", "colour": "red"}
    data = {"nodes": [entry, other], "connections": [wire], "name": "x" * 300, "description": ["d"]}
    told = "\n".join(box.text for box in opened(data, tmp_path).boxes)
    for word in ("N" * 300, "SpecialInputNode", "1000000000.0", '"yes"', '"a": 1', "[5, 5]", "second", "red"):
        assert word in told, word
    assert "x" * 300 in told and '["d"]' in told


@pytest.mark.parametrize("nodes", [[1, 2], ["x"], [None]])
def test_what_is_no_such_file_is_refused(nodes: list, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="earlier designer"):
        opened({"nodes": nodes, "connections": []}, tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted({k for n in OLD["nodes"] for k in n["properties"]}))
NODE = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["InputNode", "ModelNode", "OutputNode", "PostprocessNode", "PreprocessNode", "X"]
        )
    },
    optional={"id": JSON, "name": JSON, "pos": JSON, "properties": st.dictionaries(KEYS, JSON) | JSON},
)


@settings(max_examples=60, deadline=None)
@given(nodes=st.lists(NODE, max_size=5), connections=st.lists(JSON, max_size=3), more=JSON)
def test_whatever_is_in_it_becomes_a_pipeline_or_is_refused(
    nodes: list, connections: list, more: object
) -> None:
    text = json.dumps({"nodes": nodes, "connections": connections, "project_name": more, "extra": more})
    try:
        config = PipelineConfig.parse(text)
    except InputError:
        return
    assert PipelineConfig.parse(config.text()) == config


def test_many_nodes_of_one_name_are_read_soon_and_too_many_not_at_all() -> None:
    def many(count: int) -> dict:
        nodes = [{"id": n, "name": "Model Node", "type": "ModelNode", "properties": {}} for n in range(count)]
        return {"nodes": nodes, "connections": []}

    begun = time.thread_time()
    nodes = convert(many(3000), "old.mflow")["nodes"]
    assert time.thread_time() - begun < 1  # 0.1 s; each id against all before it would take longer and longer
    assert len({node["id"] for node in nodes}) == 3000
    with pytest.raises(InputError, match="5,000"):
        convert(many(5001), "old.mflow")
