"""What is run in one process: a checked graph that keeps rates and modes, and the device of each model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cluster4npu.core.nodes.base import Place
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.plan import PoolMember, make_pool
from cluster4npu.core.settings import resolve_path

STYLES = {"push": "push", "on_demand": "pull"}


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One inference node: its model file (None: a model that does nothing), and the one device that runs it."""

    node_id: str
    model: Path | None
    member: PoolMember


@dataclass(frozen=True, slots=True)
class DemandPlan:
    """Everything that the manager needs to run a pipeline in its own process."""

    config: PipelineConfig
    sources: tuple[str, ...]
    models: tuple[LocalModel, ...]

    @property
    def style(self) -> str:
        """Return "pull" (nodes compute when asked) or "push" (those without a rate compute on every input)."""
        return STYLES[self.config.execution]

    @property
    def simulated(self) -> bool:
        """Tell whether any device is simulated."""
        return any(model.member.simulated for model in self.models)


def make_demand_plan(config: PipelineConfig, *, devices: tuple[str, ...] | None = None) -> DemandPlan:
    """Check the pipeline and settle each model's device: the first that is named, or the best that is here.

    Raises PipelineInvalid with every problem, DeviceUnavailable naming a device that is not here.
    """
    for node_id in [n.id for n in config.nodes if n.type == "inference"] if devices else []:
        config = config.with_params(node_id, devices=list(devices or ()))
    graph = Graph.build(config)
    models = []
    for node in graph.at(Place.INFERENCE):
        path = node.params.model
        model = None if path == NO_MODEL else resolve_path(path, config.base)
        models.append(LocalModel(node.id, model, make_pool(node.params.devices, node.id, model)[0]))
    sources = tuple(node.id for node in graph.at(Place.SOURCE))
    return DemandPlan(graph.config, sources, tuple(models))
