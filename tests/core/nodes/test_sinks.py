"""Sinks: what stands in the lines, and what happens when they cannot be written."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.errors import InputError, RunFailed
from cluster4npu.core.nodes.base import Delivery
from cluster4npu.core.nodes.values import Classes, Detections, Outputs
from cluster4npu.core.settings import default_store_path
from cluster4npu.core.store import PipelineRecord, RunRecord, Store
from cluster4npu.templates import PipelineTemplates
from tests.core.nodes.media import make
from tests.sinks_in_children import needs_full

ROWS = np.array([[1.239, 2, 3, 4, 0.5, 1], [5, 6, 7, 8, 0.25, 9]], np.float32)


def delivery(frame: int, value=None, **fields) -> Delivery:
    inputs = {} if value is None else {"result": value}
    values = {
        "stream_ms": 33.33333,
        "device": "sim:mine",
        "latency_ms": 12.34567,
        "height": 480,
        "width": 640,
    }
    return Delivery(frame, inputs=inputs, **{**values, **fields})


def written(tmp_path: Path, *deliveries: Delivery) -> list[dict]:
    sink = make("jsonl", base=tmp_path, path="out.jsonl")
    sink.setup()
    for one in deliveries:
        sink.append(one)
    sink.close()
    lines = (tmp_path / "out.jsonl").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    return [json.loads(line) for line in lines]


def test_one_line_a_frame(tmp_path: Path) -> None:
    labels = ("cat", "dög\n")
    lines = written(
        tmp_path,
        delivery(0, Detections(ROWS), labels=labels),
        delivery(1, Classes(np.array([[0, 0.75]], np.float32)), labels=labels),
        delivery(2, Outputs([np.ones((1, 2), np.float32)])),
        delivery(3, error="the worker died"),
    )
    assert lines[0] == {
        "frame": 0,
        "device": "sim:mine",
        "latency_ms": 12.346,
        "stream_ms": 33.333,
        "width": 640,
        "height": 480,
        "kind": "detections",
        "results": [
            {"box": [1.24, 2, 3, 4], "score": 0.5, "class": 1, "label": "dög\n"},
            {"box": [5, 6, 7, 8], "score": 0.25, "class": 9},
        ],
    }
    assert lines[1]["kind"] == "classes"
    assert lines[1]["results"] == [{"class": 0, "score": 0.75, "label": "cat"}]
    assert lines[2]["results"] == [{"shape": [1, 2], "dtype": "float32", "mean": 1}]
    assert lines[3]["error"] == "the worker died"
    assert "results" not in lines[3]


def test_the_file_is_replaced_and_a_run_without_frames_leaves_it_empty(tmp_path: Path) -> None:
    assert len(written(tmp_path, delivery(0), delivery(1))) == 2
    assert len(written(tmp_path, delivery(7))) == 1
    assert written(tmp_path) == []


@pytest.mark.parametrize("type", ["jsonl", "csv"])
def test_a_file_that_no_run_has_written_is_never_replaced(type: str, tmp_path: Path) -> None:
    mine = tmp_path / "thesis.py"
    mine.write_bytes(b"my data")
    sink = make(type, base=tmp_path, path=str(mine))
    (problem,) = sink.problems()
    assert "no run has written it" in problem.message and problem.found == str(mine)
    with pytest.raises(InputError):
        sink.setup()
    assert mine.read_bytes() == b"my data"
    mine.write_bytes(b"")
    for _ in range(2):  # an empty one, then its own
        assert sink.problems() == []
        sink.setup()
        sink.append(delivery(0))
        sink.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("type", ["jsonl", "csv", "video_writer"])
def test_a_pipe_is_no_file_and_hangs_nothing(type: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    sink = make(type, base=tmp_path, path="pipe.mp4")
    assert "is no file" in sink.problems()[0].message
    with pytest.raises(InputError):
        sink.setup()
    sink.close()


@pytest.mark.parametrize("type", ["jsonl", "csv"])
def test_a_pipeline_and_a_store_are_no_place_for_results(type: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))
    PipelineTemplates.get("simulated").save(tmp_path / "self.json")
    text = (tmp_path / "self.json").read_bytes()
    store = tmp_path / "other.duckdb"
    Store(store).save(RunRecord("run", PipelineRecord("p", "p", "{}"), ()))
    for path, told in (("self.json", "no run has written it"), (str(store), "the result store")):
        sink = make(type, base=tmp_path, path=path)
        assert told in sink.problems()[0].message
        with pytest.raises(InputError):
            sink.setup()
    assert "the result store" in make(type, path=str(default_store_path())).problems()[0].message
    assert (tmp_path / "self.json").read_bytes() == text


@pytest.mark.skipif(sys.platform == "win32", reason="devices have no paths there")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_no_file(device: str, tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(device)
    for type in ("jsonl", "csv", "video_writer", "video_file"):
        for path in (device, "link.mp4"):
            (problem,) = make(type, base=tmp_path, path=path).problems()
            assert "is no file" in problem.message or "is missing" in problem.message


@pytest.mark.parametrize("path", ["missing/out.jsonl", ".", "bundled:out.jsonl"])
def test_where_nothing_can_be_written_is_told_before_the_run(path: str, tmp_path: Path) -> None:
    sink = make("jsonl", base=tmp_path, path=path)
    (problem,) = sink.problems()
    assert (problem.node, problem.field) == ("mine", "path")
    assert problem.hint
    with pytest.raises(InputError):
        sink.setup()
    sink.close()


def fill(sink) -> None:
    """Let the disk be full from here on."""
    sink._file.close()
    sink._file = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - the sink closes it


@needs_full
def test_a_full_disk_fails_and_names_the_node(tmp_path: Path) -> None:
    sink = make("jsonl", base=tmp_path, path="out.jsonl")
    sink.setup()
    fill(sink)
    with pytest.raises(RunFailed) as caught:
        for frame in range(10_000):
            sink.append(delivery(frame, Detections(ROWS)))
    (problem,) = caught.value.problems
    assert problem.node == "mine"
    assert "out.jsonl" in problem.found
    assert "space" in problem.hint
    sink.close()


@needs_full
def test_a_disk_that_is_full_at_the_end_is_told_too(tmp_path: Path) -> None:
    sink = make("jsonl", base=tmp_path, path="out.jsonl")
    sink.setup()
    fill(sink)
    sink.append(delivery(0))
    with pytest.raises(RunFailed, match="mine"):
        sink.close()


def test_count() -> None:
    sink = make("count")
    sink.setup()
    for frame in range(3):
        sink.append(delivery(frame))
    sink.append(delivery(3, error="broken"))
    sink.close()
    assert (sink.delivered, sink.failed) == (3, 1)


def test_a_table_has_a_row_for_each_find(tmp_path: Path) -> None:
    sink = make("csv", base=tmp_path, path="out.csv")
    sink.setup()
    labels = ("=cat()", "dog, small")
    sink.append(delivery(0, Detections(ROWS), labels=labels))
    sink.append(delivery(1, Classes(np.array([[0, 0.75]], np.float32)), labels=labels))
    sink.append(delivery(2, Detections(np.empty((0, 6), np.float32))))
    sink.append(delivery(3, error="the worker died"))
    sink.close()
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["0", "0", "1", "2", "3"]
    assert (rows[0]["label"], rows[0]["x1"], rows[0]["score"]) == ("dog, small", "1.24", "0.5")
    assert rows[2]["label"] == "'=cat()"  # no formula
    assert (rows[3]["kind"], rows[3]["class"]) == ("detections", "")
    assert rows[4]["error"] == "the worker died"
