"""Models that run in the manager's own process, one frame at a time, when they are asked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cluster4npu.core.devices import registry, truth
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import DeviceSummary
from cluster4npu.core.nodes.base import Place, PortType, WorkerNode
from cluster4npu.core.nodes.values import Outputs
from cluster4npu.core.pipeline.demand_plan import LocalModel
from cluster4npu.core.pipeline.graph import Graph

_NO_BATCH = np.empty((0, 0), np.float32)
_MOST_TIMES = 100_000


class LoadedModel:
    """One inference node with its model on its device."""

    def __init__(self, plan: LocalModel) -> None:
        """Load it; raises InputError, DeviceUnavailable or RunFailed naming the node."""
        self.plan = plan
        device = DeviceId.parse(plan.member.settled)
        start = time.perf_counter()
        try:
            self.session = registry.backend(device.backend).load(
                plan.model, device, registry.device_options(device)
            )
        except Cluster4NPUError as error:
            raise type(error)(*(_at(p, plan.node_id) for p in error.problems)) from error
        except Exception as error:  # a runtime's own
            raise RunFailed(
                Problem(
                    f"the device could not be started: {error}", plan.node_id, "devices", type(error).__name__
                )
            ) from error
        self._startup_ms = (time.perf_counter() - start) * 1e3
        self._times_ms: list[float] = []
        self._frames = 0
        self._busy_s = 0.0

    def compute(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Run the model on one tensor."""
        start = time.perf_counter()
        if self.session.needs_input:
            tensor = inputs["tensor"]
            made = Outputs(self.session.infer(tensor.data), tensor.geometry)
        else:
            made = Outputs(self.session.infer(_NO_BATCH))
        spent = time.perf_counter() - start
        self._frames += 1
        self._busy_s += spent
        if len(self._times_ms) < _MOST_TIMES:
            self._times_ms.append(spent * 1e3)
        return {"outputs": made}

    def summary(self, wall_s: float, total: int) -> DeviceSummary:
        """Return what it did in `wall_s` seconds in which all models computed `total` frames."""
        return DeviceSummary(
            id=self.plan.member.id,
            settled_id=self.plan.member.settled,
            unit=self.session.unit,
            simulated=self.plan.member.simulated,
            frames=self._frames,
            share=self._frames / total if total else 0.0,
            busy=min(1.0, self._busy_s / wall_s) if wall_s else 0.0,
            fps=self._frames / wall_s if wall_s else 0.0,
            latency_ms=LatencyStats.of(self._times_ms),
            startup_ms=self._startup_ms,
            first_inference_ms=self._times_ms[0] if self._times_ms else None,
            unit_detail=self.session.unit_detail,
            fell_back=truth.fell_back(self.plan.member.id, self.session.unit),
            stage=self.plan.node_id,
            name=self.plan.member.name,
            kind=self.plan.member.kind,
        )

    @property
    def frames(self) -> int:
        """Return how many frames it has computed."""
        return self._frames


def load_models(graphs: Iterable[Graph], plans: tuple[LocalModel, ...]) -> dict[str, LoadedModel]:
    """Load every model, and bind the nodes around each in all graphs; raises as `LoadedModel` does."""
    models = {plan.node_id: LoadedModel(plan) for plan in plans}
    for graph in graphs:
        for node in graph.nodes.values():
            model = models.get(_model_of(graph, node.id)) if isinstance(node, WorkerNode) else None
            if model is not None and isinstance(node, WorkerNode):
                node.bind(model.session.info)
    return models


def _model_of(graph: Graph, node_id: str) -> str:
    """Return the inference node that a node belongs to: what reads model outputs to the one before it, else after."""
    reads = any(PortType.OUTPUTS in port.types for port in graph.nodes[node_id].inputs)
    todo, seen = [node_id], {node_id}
    while todo:
        name = todo.pop(0)
        if graph.nodes[name].place is Place.INFERENCE:
            return name
        near = (
            [source for source, _ in graph.wires[name].values()]
            if reads
            else [n for n, wires in graph.wires.items() if name in {source for source, _ in wires.values()}]
        )
        todo += [n for n in near if n not in seen]
        seen.update(near)
    return ""


def _at(problem: Problem, node: str) -> Problem:
    p = problem
    return Problem(p.message, p.node or node, p.field, p.found, p.allowed, p.hint, p.severity)
