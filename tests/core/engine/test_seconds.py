"""`--seconds` end a run in every mode, whatever hangs: a worker, a model that runs on demand, a camera, several."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import RunOptions, StateChanged
from cluster4npu.core.pipeline.config import PipelineConfig
from tests.core.engine.stages import cameras, config, model, synthetic
from tests.core.nodes.stream_server import StreamServer

SECONDS = 0.5
HANGS = "sim:a?ms=5&hang_at=5"


@pytest.fixture
def camera() -> Iterator[StreamServer]:
    server = StreamServer()
    yield server
    server.close()


def pipeline(source: tuple[str, dict[str, object]], device: str) -> PipelineConfig:
    """Return a source, a model on this device, and a counter."""
    nodes = {"source": source, "prep": "preprocess", "model": model(device), "count": "count"}
    return config(nodes, "source.frame>prep.frame prep.tensor>model.tensor model.outputs>count.result")


@pytest.mark.parametrize(
    ("execution", "what"),
    [
        ("push", "the model hangs"),
        ("push", "the camera falls silent"),
        ("on_demand", "the model hangs"),
        ("on_demand", "one of two hangs"),
    ],
)
def test_seconds_end_a_run(camera: StreamServer, execution: str, what: str) -> None:
    live = ("rtsp", {"url": camera.url, "timeout_s": 60.0})
    if what == "one of two hangs":
        chosen = cameras(synthetic(fps=50), live, devices=("sim:a?ms=1",))
    else:
        source = live if "camera" in what else synthetic(fps=100)
        chosen = pipeline(source, HANGS if "model" in what else "sim:a?ms=5")
    options = RunOptions(seconds=SECONDS, calibration="never")
    with Engine(chosen.replace(execution=execution), options) as run:
        for event in run.events():
            if isinstance(event, StateChanged) and event.state == "running":
                begun = time.monotonic()
                if what != "the model hangs":
                    camera.silent.set()
        took_s = time.monotonic() - begun
        summary = run.wait(1)
    assert SECONDS * 0.9 < took_s < 10  # up to 3.2 s where something hangs, and room for a loaded machine
    hung = any("in time" in text for text in summary.warnings)
    assert hung is (what == "the model hangs")
    assert summary.frames_in == summary.frames_out + summary.frames_dropped
