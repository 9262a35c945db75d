"""Outputs in real runs: what remembers frames sees them in order, and a slow receiver holds nobody back."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.core.settings import assets_dir
from tests.core.engine.stages import config, model, synthetic
from tests.core.nodes.test_receivers import Receiver, server

__all__ = ["server"]  # a fixture
QUICK = RunOptions(calibration="never")
CHAIN = "source.frame>prep.frame prep.tensor>net.tensor net.outputs>boxes.outputs "


def run(pipeline: PipelineConfig, options: RunOptions = QUICK):
    with Engine(pipeline, options) as engine:
        return engine.wait()


def nodes(**more: object) -> dict:
    return {
        "source": synthetic(frames=200),
        "prep": "preprocess",
        "net": model("sim:cpu?ms=1", "sim:gpu?ms=3"),
        "boxes": "detections",
        **more,
    }


def test_a_receiver_that_hangs_holds_nothing_back_and_what_it_lost_is_counted(server: Receiver) -> None:
    server.hang.clear()
    pipeline = config(
        nodes(hook=("webhook", {"url": server.url, "timeout_s": 0.3})), CHAIN + "boxes.detections>hook.result"
    )
    summary = run(pipeline)
    (output,) = summary.outputs
    assert summary.frames_out == 200
    assert output.delivered + output.dropped + output.failed == 200
    assert output.dropped > 100
    assert output.failed >= 1
    assert output.trouble == "no answer in time"
    assert any("hook" in warning and "dropped" in warning for warning in summary.warnings)
    assert summary.as_dict()["outputs"][0]["dropped"] == output.dropped


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Return the lines of the example on two workers, with its digits tracked and counted, and the video beside."""
    folder = tmp_path_factory.mktemp("tracked")
    example = PipelineConfig.open(assets_dir() / "example.json").with_params(
        "inference", devices=["onnx:cpu?threads=1", "onnx:cpu?threads=1#2"]
    )
    kept = [(n.id, (n.type, n.params)) for n in example.nodes if n.type not in ("preview", "jsonl", "count")]
    ids = {key for key, _ in kept}
    wires = [f"{e.source}>{e.target}" for e in example.edges if {e.source_node, e.target_node} <= ids]
    more = {
        "track": ("track", {"confirm": 2}),
        "line": ("line_count", {"line": "0.5,0 0.5,1", "anchor": "center"}),
        "zone": "zone_count",
        "lines": ("jsonl", {"path": str(folder / "out.jsonl")}),
        "zones": ("jsonl", {"path": str(folder / "zones.jsonl")}),
        "video": ("video_writer", {"path": str(folder / "out.mp4")}),
    }
    wires += ["detections.detections>track.detections", "track.tracks>line.tracks", "track.tracks>zone.boxes"]
    wires += ["track.tracks>lines.result", "line.crossed>lines.count", "zone.count>zones.result"]
    wires += ["source.frame>video.frame", "track.tracks>video.result", "zone.count>video.count"]
    pipeline = config({**dict(kept), **more}, " ".join(wires))
    summary = run(pipeline, RunOptions(calibration="never", frames=60))
    assert summary.frames_out == 60
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    zones = [json.loads(line) for line in (folder / "zones.jsonl").read_text().splitlines()]
    for line, zone in zip(lines, zones, strict=True):
        line["zone"] = zone["results"][0]["number"]
        line["video"] = folder / "out.mp4"
    return lines


def test_tracks_are_made_in_order_whatever_worker_computed_the_boxes(digits: list[dict]) -> None:
    assert [line["frame"] for line in digits] == list(range(60))
    assert len({line["device"] for line in digits}) == 2
    by_track: dict[int, list[tuple[int, float]]] = {}
    for line in digits:
        for found in line["results"]:
            if found["track"] is not None:
                by_track.setdefault(found["track"], []).append((line["frame"], found["box"][0]))
    assert 1 <= len(by_track) <= 30
    longest = max(by_track.values(), key=len)
    assert len(longest) >= 15  # one digit is followed for a while
    jumps = [abs(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(longest)]
    assert max(jumps) < 60  # pixels a frame: no number leaps from one digit to another


def test_counts_grow_and_zones_count_every_box(digits: list[dict]) -> None:
    counts = [line["count"] for line in digits]
    assert counts == sorted(counts)
    assert all(line["zone"] == len(line["results"]) for line in digits)  # the zone is the whole frame


def test_the_video_holds_every_frame(digits: list[dict]) -> None:
    from tests.core.nodes.test_video_writer import read

    frames, _ = read(digits[0]["video"])
    assert len(frames) == 60


@pytest.mark.parametrize("execution", ["push", "on_demand"])
def test_a_tracker_stands_between_boxes_and_outputs(execution: str) -> None:
    wires = CHAIN + "boxes.detections>track.detections track.tracks>count.result"
    pipeline = config(nodes(track="track", count="count"), wires).replace(execution=execution)
    assert [p for p in find_problems(pipeline) if p.severity == "error"] == []


def test_no_worker_computes_behind_a_tracker() -> None:
    wires = CHAIN + "boxes.detections>track.detections track.tracks>flag.value flag.flag>count.result"
    problems = find_problems(config(nodes(track="track", flag="threshold", count="count"), wires))
    assert problems


def test_a_tracker_needs_a_model_before_it() -> None:
    pipeline = config({"count": "count", **nodes(line="line_count")}, CHAIN + "boxes.detections>count.result")
    assert any(p.node == "line" for p in find_problems(pipeline))
