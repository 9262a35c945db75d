"""Frames on their way: every frame is a token, and always at one place of its pipeline."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.metrics.traces import STATUS_DROPPED
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
    from cluster4npu.core.pipeline.config import PipelineConfig

    assert Flow(PipelineConfig()).tokens(made_run(20, [20.0]), 30_000_000, WORKERS) == []
