"""Templates of the user's own: kept, shared, taken over, and safe to open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.errors import InputError
from cluster4npu.core.pipeline.config import NodeConfig
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.templates import PipelineTemplates


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(folder))
    return folder


def test_a_template_goes_out_and_comes_back(tmp_path: Path) -> None:
    config = PipelineTemplates.get("simulated").with_params("inference", policy="pull")
    key, left_out = PipelineTemplates.save_own(config, "My fast one!")
    assert (key, left_out) == ("my_my_fast_one", [])
    info = next(i for i in PipelineTemplates.catalogue() if i.key == key)
    assert info.own and info.title == "My fast one!"
    PipelineTemplates.share(key, tmp_path / "shared.json")
    PipelineTemplates.remove_own(key)
    assert key not in PipelineTemplates.names()
    back, _ = PipelineTemplates.take(tmp_path / "shared.json")
    assert PipelineTemplates.get(back).digest() == config.digest()
    assert find_problems(PipelineTemplates.get(back)) == []


def test_places_of_a_machine_and_receivers_are_left_out(tmp_path: Path) -> None:
    config = PipelineTemplates.get("object_detection", model="/home/me/secret/model.onnx")
    sink = NodeConfig(id="out", type="jsonl", params={"path": "/home/me/.bashrc"})
    camera = NodeConfig(id="cam", type="rtsp", params={"url": "rtsp://me:word@camera/stream"})
    hook = NodeConfig(id="hook", type="webhook", params={"url": "http://house/bashrc"})
    broker = NodeConfig(id="broker", type="mqtt", params={"host": "broker.bashrc", "topic": "a"})
    for node in (sink, camera, hook, broker):
        config = config.with_node(node)
    key, left_out = PipelineTemplates.save_own(config, "Mine")
    assert {"inference.model", "out.path", "cam.url", "hook.url", "broker.host"} <= set(left_out)
    PipelineTemplates.share(key, tmp_path / "shared.json")
    text = (tmp_path / "shared.json").read_text(encoding="utf-8")
    assert not any(secret in text for secret in ("/home", "word", "bashrc"))


def test_a_hostile_template_writes_nowhere(tmp_path: Path) -> None:
    target = tmp_path / "precious.txt"
    config = PipelineTemplates.get("simulated")
    config = config.with_node(NodeConfig(id="out", type="jsonl", params={"path": str(target)}))
    data = {"title": "Free boxes", "use_case": "", "model_needed": False, "description": ""}
    data["pipeline"] = config.model_dump(mode="json")  # type: ignore[assignment]
    (tmp_path / "evil.json").write_text(json.dumps(data), encoding="utf-8")
    key, left_out = PipelineTemplates.take(tmp_path / "evil.json")
    assert left_out == ["out.path"]
    assert PipelineTemplates.get(key).node("out").params == {}


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", "null", "{" * 5000, '{"pipeline": {}}', '{"pipeline": {"version": 99}}',
     '{"title": 3, "use_case": "", "model_needed": true, "description": "", "pipeline": {}}', "\x00\x01"],
)  # fmt: skip
def test_what_is_no_template_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "file.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        PipelineTemplates.take(tmp_path / "file.json")
    assert all(not info.own for info in PipelineTemplates.catalogue())


def test_a_broken_file_in_the_folder_hides_no_other(data_folder: Path) -> None:
    key, _ = PipelineTemplates.save_own(PipelineTemplates.get("simulated"), "Good")
    (data_folder / "templates" / "broken.json").write_text("{", encoding="utf-8")
    assert [info.key for info in PipelineTemplates.catalogue() if info.own] == [key]


def test_names_of_templates_never_leave_the_folder(data_folder: Path) -> None:
    key, _ = PipelineTemplates.save_own(PipelineTemplates.get("simulated"), "../../etc/passwd")
    again, _ = PipelineTemplates.save_own(PipelineTemplates.get("simulated"), "../../etc/passwd")
    assert key != again
    assert len(list((data_folder / "templates").iterdir())) == 2
    with pytest.raises(InputError):
        PipelineTemplates.remove_own("my_../simulated")
    with pytest.raises(InputError):
        PipelineTemplates.save_own(PipelineTemplates.get("simulated"), "   ")


def test_a_goal_is_told_and_measured() -> None:
    devices = ["sim:a?ms=5", "sim:b?ms=5"]
    figures = {}
    for goal in ("throughput", "latency"):
        config = PipelineTemplates.get("simulated", devices=devices, goal=goal)
        options = RunOptions(seconds=1.0, target_fps=800, calibration="never")
        with Engine(config, options) as run:
            figures[goal] = run.wait(60)
    fast, quick = figures["throughput"], figures["latency"]
    assert fast.frames_dropped == 0
    assert fast.latency_ms.p50 is not None and quick.latency_ms.p50 is not None
    assert quick.latency_ms.p50 < fast.latency_ms.p50 / 2
    assert fast.fps >= 0.8 * quick.fps
    with pytest.raises(InputError, match="no such goal"):
        PipelineTemplates.get("simulated", goal="latncy")
