"""`cluster4npu validate`: every problem, with node, field and remedy; exit code 2 when there is an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def write(path: Path, change) -> Path:
    """Write the example pipeline with a change to it."""
    from cluster4npu.cli.pipelines import open_pipeline

    data = json.loads(open_pipeline("example").text())
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def node(data: dict, name: str) -> dict:
    return next(item for item in data["nodes"] if item["id"] == name)


@pytest.mark.parametrize(
    "name", ["example", "simulated", "object_detection", "classification", "fire_detection"]
)
def test_what_ships_is_valid(cli_here, name: str) -> None:
    done = cli_here("validate", name, "--json")
    assert (done.code, done.json) == (0, {"ok": True, "problems": []})


CASES = {
    "unknown type": (lambda d: node(d, "source").update(type="video_fiel"), "source", "type", "'video_file'"),
    "unknown field": (lambda d: node(d, "source")["params"].update(lop=True), "source", "lop", "'loop'"),
    "wrong value": (
        lambda d: node(d, "detections")["params"].update(confidence=40),
        "detections",
        "confidence",
        "",
    ),
    "wrong unit": (lambda d: node(d, "detections")["params"].update(iou="45%"), "detections", "iou", ""),
    "missing video": (lambda d: node(d, "source")["params"].update(path="none.mp4"), "source", "path", ""),
    "missing model": (
        lambda d: node(d, "inference")["params"].update(model="none.onnx"),
        "inference",
        "model",
        "",
    ),
    "odd device": (
        lambda d: node(d, "inference")["params"].update(devices=["gpu"]),
        "inference",
        "devices",
        "",
    ),
    "unconnected": (lambda d: d["edges"].pop(1), "inference", "tensor", ""),
    "wrong wire": (
        lambda d: d["edges"].append({"source": "source.frame", "target": "count.result"}),
        "count",
        "result",
        "",
    ),
    "wire to nowhere": (
        lambda d: d["edges"].append({"source": "source.frame", "target": "prevew.frame"}),
        "prevew",
        "",
        "'preview'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_named_with_its_place(cli_here, tmp_path: Path, case: str) -> None:
    change, where, field, hint = CASES[case]
    path = write(tmp_path / "pipeline.json", change)
    done = cli_here("validate", path, "--json")
    assert done.code == 2
    assert done.json["ok"] is False
    fitting = [p for p in done.json["problems"] if p["node"] == where and (not field or p["field"] == field)]
    assert fitting, done.json
    assert hint in fitting[0]["hint"]
    assert fitting[0]["hint"] or fitting[0]["allowed"]
    run = cli_here("run", path, "--no-store", "--json")
    assert run.code == 2
    assert run.json["ok"] is False and "frames_out" not in run.json


def test_a_circle_is_told_once(cli_here, tmp_path: Path) -> None:
    def change(data: dict) -> None:
        data["nodes"] += [
            {"id": "a", "type": "detections"},
            {"id": "b", "type": "detections"},
        ]
        data["edges"] += [
            {"source": "a.detections", "target": "b.outputs"},
            {"source": "b.detections", "target": "a.outputs"},
        ]

    done = cli_here("validate", write(tmp_path / "pipeline.json", change), "--json")
    assert done.code == 2
    assert sum("circle" in p["message"] for p in done.json["problems"]) == 1


def test_all_problems_are_reported_at_once(cli_here, tmp_path: Path) -> None:
    def change(data: dict) -> None:
        node(data, "source")["params"]["path"] = "none.mp4"
        node(data, "inference")["params"]["model"] = "none.onnx"
        node(data, "detections")["params"]["iou"] = 7

    done = cli_here("validate", write(tmp_path / "pipeline.json", change))
    assert done.code == 2
    assert all(place in done.out for place in ("source.path", "inference.model", "detections.iou"))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"nodes": []}',
        '{"version": 99}',
        '{"version": 1}',
        '{"version": 1, "x": 2}',
        "\x00\xff",
    ],
)
def test_files_that_are_no_pipeline(cli_here, tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content, encoding="latin-1")
    done = cli_here("validate", path, "--json")
    assert done.code == 2
    assert done.json["ok"] is False and done.json["problems"]


def test_a_missing_file(cli_here) -> None:
    done = cli_here("validate", "missing.json")
    assert done.code == 2
    assert "missing.json" in done.out


def test_paths_belong_to_the_pipelines_folder(cli_here, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "clip.avi").write_bytes(b"x")
    path = write(folder / "pipeline.json", lambda d: node(d, "source")["params"].update(path="clip.avi"))
    assert not [p for p in cli_here("validate", path, "--json").json["problems"] if "missing" in p["message"]]


def test_set_takes_json_or_text(cli_here) -> None:
    assert (
        cli_here("validate", "example", "--set", "source.loop=true", "--set", "detections.iou=0.5").code == 0
    )
    assert cli_here("validate", "example", "--set", "detections.iou=lots").code == 2
    done = cli_here("validate", "example", "--set", "source.path=2024", "--json")
    assert "2024" in done.json["problems"][0]["found"] and done.json["problems"][0]["field"] == "path"
