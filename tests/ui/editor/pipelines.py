"""Pipelines for the editor's tests, made of the real node types."""

from __future__ import annotations

from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig


def chain() -> PipelineConfig:
    """Return source -> preprocess -> inference -> detections -> count, all simulated."""
    nodes = (
        NodeConfig(id="source", type="synthetic", params={"frames": 10}),
        NodeConfig(id="preprocess", type="preprocess", position=(260.0, 0.0)),
        NodeConfig(id="inference", type="inference", params={"devices": ["sim:ane"]}, position=(520.0, 0.0)),
        NodeConfig(id="detections", type="detections", position=(780.0, 0.0)),
        NodeConfig(id="count", type="count", position=(1040.0, 0.0)),
    )
    wires = (
        ("source.frame", "preprocess.frame"),
        ("preprocess.tensor", "inference.tensor"),
        ("inference.outputs", "detections.outputs"),
        ("detections.detections", "count.result"),
    )
    return PipelineConfig(
        name="Chain", nodes=nodes, edges=tuple(EdgeConfig(source=s, target=t) for s, t in wires)
    )
