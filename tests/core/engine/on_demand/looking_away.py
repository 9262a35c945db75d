"""The template "is the viewer looking away" as the product runs it, by a virtual clock."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import JsonValue

from cluster4npu.core.demand import NodeCounts, VirtualClock
from cluster4npu.core.engine.on_demand.pipeline import RunningPipeline
from cluster4npu.core.nodes.base import Delivery, SinkNode
from cluster4npu.core.pipeline.config import PipelineConfig
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
    config: PipelineConfig,
    deliver: Callable[[SinkNode, Delivery], None] = lambda node, delivery: None,
    mode_changed: Callable[[str, float], None] = lambda mode, at_s: None,
) -> RunningPipeline:
    """Return the pipeline ready to run by a virtual clock."""
    return RunningPipeline.open(config, VirtualClock(), deliver, mode_changed)


def window(run: RunningPipeline, from_s: float, seconds: float) -> dict[str, NodeCounts]:
    """Go on to `from_s`, and return what was counted in the `seconds` after it."""
    run.run(from_s - run.elapsed_s)
    before = run.counts()
    run.run(seconds)
    return {name: counts - before[name] for name, counts in run.counts().items()}
