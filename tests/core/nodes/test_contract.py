"""What every node type promises; sources and sinks also what they do from opening to closing."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from cluster4npu.core.devices.null import NULL_MODEL
from cluster4npu.core.errors import InputError
from cluster4npu.core.nodes import node_type, node_types
from cluster4npu.core.nodes.base import Delivery, Node, NotDelivered, Place, SinkNode, SourceNode, WorkerNode
from cluster4npu.core.nodes.values import Classes, Detections, Outputs
from tests.core.nodes.media import make, read_all, write_image, write_video

TYPES = node_types()
EXPECTED = {
    "video_file", "image_folder", "camera", "rtsp", "synthetic",
    "preprocess", "inference", "detections", "classify",
    "preview", "jsonl", "count", "crop_boxes", "attach", "merge", "mux",
}  # fmt: skip
CATEGORIES = {"Sources", "Preprocessing", "Inference", "Postprocessing", "Vision", "Logic", "Outputs"}
FILE_SOURCES = ("video_file", "image_folder", "synthetic")
FRAMES = 7


def test_every_type_is_found() -> None:
    assert set(TYPES) >= EXPECTED


def test_listing_types_loads_no_image_or_model_library() -> None:
    code = (
        "import sys; from cluster4npu.core.nodes import node_types; node_types();"
        "print([m for m in ('cv2', 'PIL', 'onnxruntime', 'PySide6') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("cls", TYPES.values(), ids=TYPES)
class TestEveryType:
    def test_it_says_what_it_is(self, cls: type[Node]) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", cls.type)
        assert cls.title
        assert cls.description.endswith(".")
        assert cls.category in CATEGORIES
        assert cls.__doc__

    def test_ports_are_well_formed(self, cls: type[Node]) -> None:
        for ports in (cls.inputs, cls.outputs):
            assert len({port.name for port in ports}) == len(ports)
            assert all(re.fullmatch(r"[a-z][a-z0-9_]*", port.name) and port.types for port in ports)
        assert all(len(port.types) == 1 for port in cls.outputs)
        kinds = {
            Place.SOURCE: (SourceNode, False, True),
            Place.MUX: (Node, True, True),
            Place.WORKER: (WorkerNode, True, True),
            Place.INFERENCE: (Node, True, True),
            Place.SINK: (SinkNode, True, False),
        }
        kind, takes, gives = kinds[cls.place]
        assert issubclass(cls, kind)
        assert bool(cls.inputs) is takes
        assert bool(cls.outputs) is gives

    def test_every_parameter_is_described(self, cls: type[Node]) -> None:
        for name, info in cls.Params.model_fields.items():
            assert info.title, name
            assert info.description, name
            assert info.description.endswith("."), name

    def test_its_schema_can_be_built_and_defaults_are_valid(self, cls: type[Node]) -> None:
        schema = cls.Params.model_json_schema()
        json.dumps(schema, allow_nan=False)
        assert schema.get("additionalProperties") is False
        defaults = cls.Params()
        assert cls.Params.model_validate(json.loads(defaults.model_dump_json())) == defaults

    def test_unknown_fields_are_refused_and_parameters_stay(self, cls: type[Node]) -> None:
        with pytest.raises(ValidationError):
            cls.Params.model_validate({"no_such_field": 1})
        params = cls.Params()
        for name in cls.Params.model_fields:
            with pytest.raises(ValidationError):
                setattr(params, name, getattr(params, name))

    def test_problems_name_the_node_and_a_remedy(self, cls: type[Node], tmp_path: Path) -> None:
        for problem in cls("somewhere", cls.Params(), tmp_path).problems():
            assert problem.node == "somewhere"
            assert problem.field in cls.Params.model_fields
            assert problem.hint


@pytest.fixture
def source_node(request: pytest.FixtureRequest, tmp_path: Path) -> SourceNode:
    if request.param == "video_file":
        return make("video_file", base=write_video(tmp_path / "a.avi", FRAMES).parent, path="a.avi")
    if request.param == "image_folder":
        for index in range(FRAMES):
            write_image(tmp_path / f"{index}.png", index)
        return make("image_folder", path=str(tmp_path))
    return make("synthetic", width=64, height=48, frames=FRAMES)


@pytest.mark.parametrize("source_node", FILE_SOURCES, indirect=True)
class TestEverySource:
    def test_from_the_first_frame_to_the_end_and_again(self, source_node: SourceNode) -> None:
        assert source_node.problems() == []
        source = source_node.open()
        assert (source.spec.height, source.spec.width, source.spec.frames) == (48, 64, FRAMES)
        first = read_all(source)
        assert len(first) == FRAMES
        assert all((info.height, info.width) == (48, 64) for info, _ in first)
        assert len({pixels for _, pixels in first}) == FRAMES
        assert source.read_into(np.empty(source.spec.nbytes, np.uint8)) is None
        source.rewind()
        assert read_all(source) == first
        source.rewind()
        assert read_all(source, 3) == first[:3]
        source.rewind()
        assert read_all(source, 3) == first[:3]
        source.close()
        source.close()

    def test_opened_twice_gives_the_same(self, source_node: SourceNode) -> None:
        one, other = source_node.open(), source_node.open()
        assert read_all(one) == read_all(other)
        one.close()
        other.close()

    def test_time_in_the_stream_goes_forward(self, source_node: SourceNode) -> None:
        source = source_node.open()
        times = [info.stream_ms for info, _ in read_all(source) if info.stream_ms is not None]
        assert times == sorted(set(times))
        assert source_node.type != "video_file" or len(times) == FRAMES
        source.close()


def _delivery(value, **fields) -> Delivery:
    return Delivery(
        frame_id=fields.pop("frame_id", 0),
        stream_ms=None,
        device="sim:mine",
        latency_ms=1.5,
        height=48,
        width=64,
        inputs={} if value is None else {"result": value},
        **fields,
    )


AWKWARD = (
    _delivery(
        Detections(np.array([[1, 2, 3, 4, 0.5, 0], [1, 2, 3, 4, 0.5, 7]], np.float32)),
        labels=('"\n<b>\u2028',),
    ),
    _delivery(Classes(np.array([[1, 0.5]], np.float32)), labels=("a", "katze \U0001f408")),
    _delivery(Classes(np.array([[0, np.nan]], np.float32))),
    _delivery(Outputs([np.full((1, 2), np.inf, np.float32), np.empty((1, 0), np.float32)])),
    _delivery(Outputs([])),
    _delivery(Detections(np.empty((0, 6), np.float32))),
    _delivery(None),
    _delivery(None, error="the worker died\nwhile computing"),
)


NEEDED = {"webhook": {"url": "http://127.0.0.1:9/nobody-is-there"}}  # what a sink has no default for


@pytest.mark.parametrize("key", [key for key, cls in TYPES.items() if cls.place is Place.SINK])
def test_every_sink_takes_awkward_results(key: str, tmp_path: Path) -> None:
    if key == "mqtt":
        pytest.importorskip("paho.mqtt")
    sink = make(key, base=tmp_path, **NEEDED.get(key, {}))
    assert sink.problems() == []
    sink.setup()
    for delivery in AWKWARD:
        pixels = {"frame": np.zeros((48, 64, 3), np.uint8)} if sink.takes_pixels else {}
        with contextlib.suppress(NotDelivered) if sink.lossy else contextlib.nullcontext():
            sink.append(replace(delivery, inputs={**delivery.inputs, **pixels}))
    sink.close()


@pytest.mark.parametrize("key", ["detections", "classify"])
def test_results_of_simulated_devices_are_empty(key: str) -> None:
    node = make(key)
    node.bind(NULL_MODEL)
    (value,) = node.process({"outputs": Outputs([])}).values()
    assert value.as_json() == []
    assert value.rows.dtype == np.float32
    assert node_type(key).outputs[0].name in node.process({"outputs": Outputs([])})


def test_sources_that_are_not_there_cannot_be_opened(tmp_path: Path) -> None:
    for node in (
        make("video_file", path=str(tmp_path / "no.mp4")),
        make("video_file"),
        make("image_folder", path=str(tmp_path / "no")),
        make("image_folder"),
        make("image_folder", path=str(tmp_path)),
        make("camera", index=99),
        make("rtsp"),
    ):
        with pytest.raises(InputError) as caught:
            node.open()
        assert caught.value.problems[0].node == "mine"
        assert caught.value.problems[0].hint
