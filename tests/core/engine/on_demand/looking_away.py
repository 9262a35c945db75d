"""The template "is the viewer looking away" as the product runs it, by a virtual clock."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import JsonValue

from cluster4npu.core.demand import NodeCounts, VirtualClock
from cluster4npu.core.engine.on_demand.pipeline import RunningPipeline
from cluster4npu.core.engine.on_demand.reader import FrameReader
from cluster4npu.core.nodes.base import Delivery, SinkNode, SourceNode
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.demand_plan import make_demand_plan
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.templates import PipelineTemplates

NAMES = ("contrast", "movement", "head", "clip", "eyes", "distance")
COMES_S, LOOKS_AWAY_S, LOOKS_BACK_S, LEAVES_S = 4.0, 8.0, 16.0, 18.0  # in the clip


def template(execution: str, **params: dict[str, JsonValue]) -> PipelineConfig:
    """Return the template's pipeline with other parameters of some nodes."""
    config = PipelineTemplates.get("looking_away").replace(execution=execution)
    for node, changes in params.items():
        config = config.with_params(node, **changes)
    return config


def running(
    config: PipelineConfig, deliver: Callable[[SinkNode, Delivery], None] = lambda node, delivery: None
) -> RunningPipeline:
    """Return the pipeline ready to run; its source is left open until the process ends."""
    plan = make_demand_plan(config)
    graph = Graph.build(plan.config)
    node = graph.nodes[plan.source]
    assert isinstance(node, SourceNode)
    reader = FrameReader(node, node.open(), None, None, loop=True)
    return RunningPipeline(plan, graph, reader, {}, deliver, clock=VirtualClock())


def window(run: RunningPipeline, from_s: float, seconds: float) -> dict[str, NodeCounts]:
    """Go on to `from_s`, and return what was counted in the `seconds` after it."""
    run.run(from_s - run.elapsed_s)
    before = run.counts()
    run.run(seconds)
    return {name: counts - before[name] for name, counts in run.counts().items()}
