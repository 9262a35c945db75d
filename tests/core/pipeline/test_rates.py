"""Rates, samples and modes in a pipeline: where it runs, and what is said of those that cannot work."""

from __future__ import annotations

from typing import Any

import pytest

from cluster4npu.core.errors import InputError
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.core.pipeline.demand_plan import make_demand_plan
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.core.pipeline.plan import make_plan
from cluster4npu.core.pipeline.rates import runs_in_one_process


def watched(**params: dict[str, Any]) -> PipelineConfig:
    """Return a camera that is watched for movement; nothing in it needs a model."""
    config = PipelineConfig(
        execution="on_demand",
        nodes=(
            NodeConfig(id="source", type="synthetic", params={"width": 64, "height": 48, "fps": 30}),
            NodeConfig(id="movement", type="movement", params={"every_ms": 500}),
            NodeConfig(id="moves", type="consecutive", params={"times": 2}),
            NodeConfig(id="to_active", type="switch_mode", params={"mode": "active"}),
            NodeConfig(id="count", type="count"),
        ),
        edges=(
            EdgeConfig(source="source.frame", target="movement.frame"),
            EdgeConfig(source="movement.moving", target="moves.flag"),
            EdgeConfig(source="moves.flag", target="to_active.flag"),
            EdgeConfig(source="movement.amount", target="count.result"),
        ),
    ).with_params("movement", modes=["idle", "active"])
    for node, changes in params.items():
        config = config.with_params(node, **changes)
    return config


def detected(**changes: Any) -> PipelineConfig:
    """Return a pipeline around a model."""
    return PipelineConfig(
        nodes=(
            NodeConfig(id="source", type="synthetic", params={"width": 64, "height": 48, "fps": 30}),
            NodeConfig(id="contrast", type="contrast_stretch"),
            NodeConfig(id="preprocess", type="preprocess"),
            NodeConfig(id="inference", type="inference", params={"devices": ["sim:ane", "sim:gpu"]}),
            NodeConfig(id="count", type="count", params={"every_ms": 500}),
        ),
        edges=(
            EdgeConfig(source="source.frame", target="contrast.frame"),
            EdgeConfig(source="contrast.frame", target="preprocess.frame"),
            EdgeConfig(source="preprocess.tensor", target="inference.tensor"),
            EdgeConfig(source="inference.outputs", target="count.result"),
        ),
    ).replace(**changes)


def test_a_pipeline_without_a_model_is_whole() -> None:
    assert find_problems(watched()) == []
    assert runs_in_one_process(watched().replace(execution="push"))
    assert make_demand_plan(watched()).style == "pull"
    assert make_demand_plan(watched().replace(execution="push")).style == "push"


def test_a_model_goes_to_workers_unless_it_is_asked_for() -> None:
    assert not runs_in_one_process(detected())
    assert make_plan(detected()).stage.before == ("contrast", "preprocess")
    assert [p.field for p in find_problems(detected())] == ["every_ms"]  # a warning: it is not kept there
    assert runs_in_one_process(detected(execution="on_demand"))
    assert find_problems(detected(execution="on_demand")) == []
    (model,) = make_demand_plan(detected(execution="on_demand")).models
    assert model.member.id == "sim:ane"  # the first of the pool


def test_devices_are_not_compared_on_what_runs_at_rates_of_its_own() -> None:
    for config in (watched(), detected(execution="on_demand")):
        with pytest.raises(InputError, match="rates of its own"):
            make_plan(config)


@pytest.mark.parametrize(
    ("changes", "node", "field", "message"),
    [
        ({"to_active": {"mode": "activ"}}, "to_active", "mode", "Did you mean 'active'"),
        ({"moves": {"every_ms": 100}}, "moves", "every_ms", "on every input"),
        ({"count": {"modes": ["idle"]}}, "count", "modes", "without a rate"),
    ],
)
def test_what_is_wrong_with_rates_and_modes_is_told(
    changes: dict[str, dict[str, Any]], node: str, field: str, message: str
) -> None:
    (problem,) = find_problems(watched(**changes))
    assert (problem.node, problem.field) == (node, field)
    assert message in problem.text()
    assert problem.hint


def test_a_first_mode_in_which_nobody_asks_is_told() -> None:
    (problem,) = find_problems(watched().replace(mode="idl"))
    assert (problem.node, problem.field) == ("", "mode")
    assert "idle" in problem.hint


def test_samples_that_nobody_asks_for_are_told() -> None:
    config = PipelineConfig(
        execution="on_demand",
        nodes=(
            NodeConfig(id="source", type="synthetic", params={"width": 64, "height": 48, "fps": 30}),
            NodeConfig(id="eyes", type="eye_detection"),
            NodeConfig(id="distance", type="point_distance", params={"frames": 2}),
            NodeConfig(id="far", type="threshold"),
            NodeConfig(id="count", type="count"),
        ),
        edges=(
            EdgeConfig(source="source.frame", target="eyes.frame"),
            EdgeConfig(source="eyes.points", target="distance.points"),
            EdgeConfig(source="distance.distance", target="far.number"),
            EdgeConfig(source="far.flag", target="count.result"),
        ),
    )
    (problem,) = find_problems(config)
    assert problem.node == "count"
    assert "'distance'" in problem.text()
    assert find_problems(config.with_params("count", every_ms=1000)) == []


def test_what_looks_at_several_frames_cannot_be_spread_over_workers() -> None:
    config = detected()
    nodes = tuple(
        NodeConfig(id="contrast", type="face_detection") if n.id == "contrast" else n for n in config.nodes
    )
    problems = find_problems(config.replace(nodes=nodes))
    assert [p.severity for p in problems if p.node == "contrast"] == ["error"]
    assert find_problems(config.replace(nodes=nodes, execution="on_demand")) == []


def test_the_way_of_running_is_part_of_what_is_computed_and_survives_the_file() -> None:
    config = watched()
    assert PipelineConfig.parse(config.text()).text() == config.text()
    assert config.digest() != config.replace(execution="push").digest()
