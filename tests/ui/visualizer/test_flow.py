"""Frames on their way: every frame is a token, and always at one place of its pipeline."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.metrics.traces import STATUS_DROPPED, STATUS_PASSED
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.visualizer.flow import Flow
from tests.core.metrics.stamps import made_run

WORKERS = ("sim:ane", "sim:gpu")


def test_nodes_and_edges_are_the_pipelines() -> None:
    config = PipelineTemplates.get("object_detection")
    flow = Flow(config)
    assert set(flow.nodes) == {node.id for node in config.nodes}
    assert flow.edges == config.edges
    assert flow.source == "source"


def test_a_replay_shows_every_frame_once_and_on_its_way_forward() -> None:
    flow = Flow(PipelineTemplates.get("object_detection"))
    rows = made_run(60, [20.0, 50.0])
    seen: dict[int, list[str]] = {}
    for now in np.arange(0, rows["delivered_ns"].max(), 500_000):
        tokens = flow.tokens(rows, int(now), WORKERS)
        assert len({token.frame_id for token in tokens}) == len(tokens)
        for token in tokens:
            assert 0.0 <= token.progress < 1.0
            place = token.node or token.wires[0].target
            if seen.setdefault(token.frame_id, [])[-1:] != [place]:
                seen[token.frame_id].append(place)
    assert set(seen) == set(range(60))
    for places in seen.values():
        assert "inference" in places
        assert len(places) == len(set(places))  # never back


def test_dropped_frames_are_no_tokens() -> None:
    flow = Flow(PipelineTemplates.get("simulated"))
    rows = made_run(20, [20.0])
    middle = int(rows["delivered_ns"].max() // 2)
    assert flow.tokens(rows, middle, WORKERS)
    rows["status"] = STATUS_DROPPED
    assert flow.tokens(rows, middle, WORKERS) == []


def test_an_empty_pipeline_has_no_ways() -> None:
    assert Flow(PipelineConfig()).tokens(made_run(20, [20.0]), 30_000_000, WORKERS) == []


def test_a_frame_that_goes_through_two_stages_is_one_token() -> None:
    config = PipelineTemplates.get("detect_then_classify")
    flow = Flow(config)
    flow.serve(("onnx:cpu", "onnx:cpu"), {"inference": ("onnx:cpu",), "classifier": ("onnx:cpu",)})
    rows = made_run(40, [20.0])
    later = rows.copy()
    rows["status"] = STATUS_PASSED
    for name in ("queued_ns", "started_ns", "inferred_ns", "finished_ns", "delivered_ns"):
        later[name] = rows["finished_ns"] + (later[name] - rows["queued_ns"]).clip(0) // 4 + 1_000_000
    later["delivered_ns"] = rows["delivered_ns"] = later["finished_ns"] + 1_000_000
    later["worker"] = 1
    both = np.concatenate([rows, later])
    places = []
    for now in range(int(rows["scheduled_ns"][20]), int(later["delivered_ns"][20]), 500_000):
        tokens = [t for t in flow.tokens(both, now, ("onnx:cpu", "onnx:cpu")) if t.frame_id == 20]
        assert len(tokens) == 1
        places.append(tokens[0].node)
    assert places.index("inference") < places.index("classifier")
