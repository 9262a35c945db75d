"""A bypassed node is not run: what it would only pass on goes around it, and what needs it is left out and named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from cluster4npu import Engine, RunOptions
from cluster4npu.core import nodes
from cluster4npu.core.nodes.base import Port, PortType, WorkerNode
from cluster4npu.core.pipeline.bypass import effective, meaning
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.core.pipeline.plan import make_plan
from cluster4npu.templates import PipelineTemplates


class Blur(WorkerNode):
    """Takes and gives a frame, as no node of the program does yet."""

    type: ClassVar[str] = "blur"
    title: ClassVar[str] = "Blur"
    category: ClassVar[str] = "Preprocessing"
    description: ClassVar[str] = "For this test."
    inputs: ClassVar[tuple[Port, ...]] = (Port("frame", (PortType.FRAME,)),)
    outputs: ClassVar[tuple[Port, ...]] = (Port("frame", (PortType.FRAME,)),)

    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {"frame": inputs["frame"]}


def simulated() -> PipelineConfig:
    return PipelineTemplates.get("simulated", devices=["sim:fast?ms=1"])


def bypassed(config: PipelineConfig, *ids: str) -> PipelineConfig:
    changed = (NodeConfig(**{**dict(n), "bypassed": True}) if n.id in ids else n for n in config.nodes)
    return config.replace(nodes=tuple(changed))


@pytest.fixture
def with_blurs(monkeypatch: pytest.MonkeyPatch) -> PipelineConfig:
    """A pipeline with two such nodes between source and preprocessing."""
    monkeypatch.setitem(nodes.node_types(), "blur", Blur)
    config = simulated()
    edges = [e for e in config.edges if e.target != "preprocess.frame"]
    edges += [
        EdgeConfig(source="source.frame", target="one.frame"),
        EdgeConfig(source="one.frame", target="two.frame"),
        EdgeConfig(source="two.frame", target="preprocess.frame"),
    ]
    added = (NodeConfig(id="one", type="blur"), NodeConfig(id="two", type="blur"))
    return config.replace(nodes=(*config.nodes, *added), edges=tuple(edges))


def test_without_one_the_pipeline_is_the_very_same() -> None:
    config = simulated()
    assert effective(config) == (config, {})
    assert '"bypassed"' not in config.text()


def test_a_frame_goes_around_nodes_that_would_only_change_it(with_blurs: PipelineConfig) -> None:
    for ids in (("one",), ("two",), ("one", "two")):
        run, left_out = effective(bypassed(with_blurs, *ids))
        assert left_out == {}
        assert {n.id for n in run.nodes} == {n.id for n in with_blurs.nodes} - set(ids)
        (edge,) = [e for e in run.edges if e.target == "preprocess.frame"]
        assert edge.source == {"one": "two.frame", "two": "one.frame"}.get(
            ids[0] if len(ids) == 1 else "", "source.frame"
        )
        assert find_problems(bypassed(with_blurs, *ids)) == []
    assert "goes on from 'frame'" in meaning(NodeConfig(id="a", type="blur", bypassed=True))


def test_an_output_that_is_bypassed_gets_nothing_and_the_rest_runs() -> None:
    config = simulated()
    sink = next(n.id for n in config.nodes if nodes.node_types()[n.type].place.value == "sink")
    plan = make_plan(bypassed(config, sink))
    assert sink not in plan.sinks
    assert "writes nothing" in meaning(config.node(sink))
    with Engine(bypassed(config, sink), RunOptions(frames=5)) as run:
        assert run.wait().frames_out == 5


def test_what_needs_a_bypassed_node_is_left_out_and_named() -> None:
    problems = find_problems(bypassed(simulated(), "preprocess"))
    (shape,) = [p for p in problems if "needs an inference node" in p.message]
    assert "bypassed: preprocess" in shape.found
    assert any(p.node == "inference" and "'preprocess' is bypassed" in p.message for p in problems)


def test_a_second_source_may_wait_bypassed_and_a_broken_node_is_not_judged() -> None:
    config = simulated()
    spare = NodeConfig(id="spare", type="video_file", params={"path": "missing.mp4"}, bypassed=True)
    assert find_problems(config.with_node(spare)) == []


def test_the_file_keeps_it_and_the_digest_tells_it() -> None:
    config = bypassed(simulated(), "preprocess")
    again = PipelineConfig.parse(config.text())
    assert again.node("preprocess").bypassed
    assert again.text() == config.text()
    assert config.digest() != simulated().digest()
