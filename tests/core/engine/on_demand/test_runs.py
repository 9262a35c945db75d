"""Runs in one process, through the engine: models, sinks, ends, errors, stopping, live sources."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from cluster4npu.core.demand import VirtualClock
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import MetricsUpdated, RunOptions
from cluster4npu.core.engine.on_demand.pipeline import RunningPipeline
from cluster4npu.core.engine.on_demand.reader import FrameReader, LiveReader
from cluster4npu.core.errors import InputError, PipelineInvalid, RunFailed
from cluster4npu.core.nodes.base import FrameInfo, FrameSpec, SourceNode
from cluster4npu.core.nodes.movement import Movement
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.settings import assets_dir
from tests.core.nodes.media import make
from tests.core.pipeline.test_rates import detected, watched


def moving(**source: Any) -> PipelineConfig:
    return watched().with_params("source", **source).replace(mode="idle")


def test_a_model_is_asked_as_often_as_its_sink_wants_and_no_frame_more_is_made() -> None:
    config = detected(execution="on_demand").with_params("count", every_ms=100).with_params("source", fps=50)
    with Engine(config, RunOptions(seconds=2, unpaced=True, results=True)) as run:
        results = list(run.results())
        summary = run.wait()
    (mode,) = summary.modes
    computed = {node.id: node.computes for node in mode.nodes}
    assert computed == dict.fromkeys(("source", "contrast", "preprocess", "inference", "count"), 20)
    assert [r.frame_id for r in results] == [n * 5 for n in range(20)]
    assert (summary.frames_in, summary.frames_out, summary.frames_not_asked) == (20, 20, 80)
    (device,) = summary.devices
    assert (device.id, device.frames, device.simulated, summary.simulated) == ("sim:ane", 20, True, True)


def test_a_real_model_finds_on_demand_what_it_finds_in_every_frame(tmp_path: Path) -> None:
    config = PipelineConfig.open(assets_dir() / "example.json")
    found: dict[str, dict[int, list[dict[str, Any]]]] = {}
    for execution, params in (("push", {}), ("on_demand", {"every_ms": 400})):
        path = tmp_path / f"{execution}.jsonl"
        pipeline = config.replace(execution=execution).with_params("count", **params)
        options = RunOptions(
            frames=40, unpaced=True, devices=("onnx:cpu",), calibration="never", results_file=str(path)
        )
        with Engine(pipeline, options) as run:
            run.wait(60)
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found[execution] = {line["frame"]: line["results"] for line in lines}
    assert len(found["push"]) == 40
    assert 3 <= len(found["on_demand"]) <= 6
    assert all(len(results) >= 5 for results in found["on_demand"].values())
    assert all(found["push"][frame] == results for frame, results in found["on_demand"].items())


def test_a_run_ends_with_its_source_and_counts_every_frame() -> None:
    with Engine(moving(frames=61), RunOptions(unpaced=True)) as run:
        summary = run.wait(30)
    assert summary.frames_out + summary.frames_not_asked == 61
    assert summary.frames_dropped == 0
    assert summary.wall_s == pytest.approx(62 / 30, abs=0.04)
    assert [mode.mode for mode in summary.modes] == ["idle", "active"]  # after two movements in a row
    computes = [node.computes for mode in summary.modes for node in mode.nodes if node.id == "movement"]
    assert sum(computes) == 4


def test_in_real_time_it_keeps_the_rates_and_stops_within_a_second() -> None:
    rates: dict[str, float] = {}
    with Engine(moving()) as run:
        for event in run.events():
            if isinstance(event, MetricsUpdated):
                rates = {node.id: node.per_s for node in event.snapshot.nodes} or rates
                if event.snapshot.elapsed_s > 2.6 and event.snapshot.state == "running":
                    asked = time.monotonic()
                    run.stop()
        assert time.monotonic() - asked < 1.5  # a second, on a machine that does other work too
        summary = run.wait()
    assert rates["movement"] == pytest.approx(2, abs=0.6)
    assert rates["source"] == pytest.approx(2, abs=0.6)
    assert summary.frames_in + summary.frames_not_asked == pytest.approx(30 * summary.wall_s, abs=4)


def test_a_computation_that_fails_is_told_with_its_node(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Movement, inputs: Mapping[str, Any]) -> dict[str, Any]:
        raise ValueError("no such thing")

    monkeypatch.setattr(Movement, "process", fail)
    run = RunningPipeline.open(moving(), VirtualClock())
    with pytest.raises(RunFailed) as caught:
        run.run(2)
    run.close()
    assert caught.value.problems[0].node == "movement"
    assert "no such thing" in str(caught.value)


def test_an_output_that_cannot_be_written_ends_the_run_with_its_node(tmp_path: Path) -> None:
    config = moving()
    nodes = tuple(n.model_copy(update={"type": "jsonl"}) if n.id == "count" else n for n in config.nodes)
    folder = tmp_path / "is_a_folder"
    folder.mkdir()
    with (
        pytest.raises(InputError) as caught,
        Engine(config.replace(nodes=nodes).with_params("count", path=str(folder))) as run,
    ):
        run.wait(30)
    assert caught.value.problems[0].node == "count"


def test_a_source_without_a_rate_is_refused() -> None:
    with pytest.raises(InputError, match="no rate"), Engine(moving(fps=None)) as run:
        run.wait(30)


def test_a_source_that_leads_nowhere_is_refused() -> None:
    config = moving()
    second = config.node("source").model_copy(update={"id": "second"})
    with pytest.raises(PipelineInvalid, match="come to no output"):
        Graph.build(config.replace(nodes=(*config.nodes, second)))


class Ticker:
    """A live source whose frames come when the test says so."""

    spec: ClassVar[FrameSpec] = FrameSpec(8, 8)

    def __init__(self) -> None:
        self.come = threading.Semaphore(0)

    def read_into(self, slot: np.ndarray) -> FrameInfo | None:
        self.come.acquire()
        return FrameInfo(8, 8, 0.0)

    def rewind(self) -> None: ...

    def close(self) -> None: ...


def test_of_a_live_source_the_newest_frame_waits_and_is_told_of_once() -> None:
    node = make("camera")
    assert isinstance(node, SourceNode)
    source, told, ended = Ticker(), [], threading.Event()
    reader = LiveReader(node, source, frames=3)
    reader.on_end = ended.set
    reader.arrived = lambda: told.append(reader.offered)
    reader.start()
    for _ in range(3):
        source.come.release()
    assert ended.wait(10)
    assert told == [1]
    assert reader.newest() is not None
    assert reader.newest() is None
    assert (reader.offered, reader.late, reader.number(1)) == (3, 2, 2)
    reader.close()


@pytest.mark.parametrize("loop", [False, True])
def test_a_frame_that_nobody_asks_for_is_left_out_and_numbers_stay_right(loop: bool) -> None:
    node = make("synthetic", width=16, height=16, fps=1000, frames=5)
    assert isinstance(node, SourceNode)
    whole = node.open()
    frames = []
    for _ in range(5):
        slot = np.empty(whole.spec.nbytes, np.uint8)
        whole.read_into(slot)
        frames.append(slot.reshape(16, 16, 3))
    reader = FrameReader(node, node.open(), None, None, loop)
    for number in (0, 3, 4):
        assert reader.tick(number) == number
        made = reader.read(number)
        assert made is not None and np.array_equal(made["frame"], frames[number])
    assert reader.tick(7) == (7 if loop else None)
    assert reader.ended is not loop
    if loop:
        made = reader.read(7)
        assert made is not None and np.array_equal(made["frame"], frames[2])
    reader.close()
