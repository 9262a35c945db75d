"""What a look at a model makes of its node: the nodes that it lacks before and behind it, and their settings."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from cluster4npu.core.devices.model_report import CLASSIFICATION, DETECTION, ModelReport
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Place
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.core.pipeline.graph import wire_problem
from cluster4npu.ui.edits import free_id

_APART = 240.0  # canvas pixels between neighbours
_READERS = {DETECTION: "detections", CLASSIFICATION: "classify"}


@dataclass(frozen=True, slots=True)
class Completed:
    """A pipeline with what a model lacked, and in words what was done ("" nothing)."""

    config: PipelineConfig
    done: str


def completed(config: PipelineConfig, node_id: str, report: ModelReport) -> Completed:
    """Give an inference node what its model asks for: the frame's fit before it, and what reads its outputs behind it.

    Nothing that is wired is moved. A reader of boxes that is there already gets the model's layout, unless it is on
    "auto", which finds it. Classifiers see the middle of the frame, as they are trained to.
    """
    done: list[str] = []
    if not any(edge.target == f"{node_id}.tensor" for edge in config.edges):
        config = _with_fit(config, node_id, report)
        done.append("Preprocess")
    wired = {edge.target_node for edge in config.edges if edge.source == f"{node_id}.outputs"}
    reader = _READERS.get(report.task)
    if not wired and reader is not None:
        config = _with_reader(config, node_id, reader, report)
        done.append(node_types()[reader].title)
    for name in wired:
        node = config.node(name)
        fixed = node.params.get("layout", "auto") if node.type == "detections" else "auto"
        if report.layout and fixed not in ("auto", report.layout):
            config = config.with_params(name, layout=report.layout)
            done.append(f"the layout of {name}")
    return Completed(config, ", ".join(done))


def _with_fit(config: PipelineConfig, node_id: str, report: ModelReport) -> PipelineConfig:
    params: dict[str, JsonValue] = {"fit": "center_crop"} if report.task == CLASSIFICATION else {}
    config, name = _beside(config, node_id, "preprocess", -_APART, params)
    config = _wired(config, f"{name}.tensor", f"{node_id}.tensor")
    sources = [node.id for node in config.nodes if node_types()[node.type].place is Place.SOURCE]
    return _wired(config, f"{sources[0]}.frame", f"{name}.frame") if len(sources) == 1 else config


def _with_reader(config: PipelineConfig, node_id: str, reader: str, report: ModelReport) -> PipelineConfig:
    params: dict[str, JsonValue] = {"layout": report.layout} if report.layout else {}
    config, name = _beside(config, node_id, reader, _APART, params)
    return _wired(config, f"{node_id}.outputs", f"{name}.outputs")


def _beside(
    config: PipelineConfig, node_id: str, kind: str, apart: float, params: dict[str, JsonValue]
) -> tuple[PipelineConfig, str]:
    x, y = config.node(node_id).position
    name = free_id(kind, {node.id for node in config.nodes})
    return config.with_node(NodeConfig(id=name, type=kind, params=params, position=(x + apart, y))), name


def _wired(config: PipelineConfig, source: str, target: str) -> PipelineConfig:
    edge = EdgeConfig(source=source, target=target)
    return config if wire_problem(config, edge) is not None else config.replace(edges=(*config.edges, edge))
