"""A benchmark sends nothing over the network: outputs that would are measured as ones that count."""

from __future__ import annotations

from cluster4npu.core.bench.session import without_receivers
from cluster4npu.core.pipeline.graph import find_problems
from tests.core.engine.stages import config, model, synthetic

CHAIN = "source.frame>prep.frame prep.tensor>net.tensor net.outputs>boxes.outputs "
NODES = {"source": synthetic(), "prep": "preprocess", "net": model("sim:cpu"), "boxes": "detections"}


def test_a_webhook_is_measured_as_a_count() -> None:
    hook = ("webhook", {"url": "http://127.0.0.1:9/"})
    wires = CHAIN + "boxes.detections>hook.result boxes.detections>zone.boxes zone.count>hook.count"
    found = without_receivers(config({**NODES, "zone": "zone_count", "hook": hook}, wires))
    assert (found.node("hook").type, found.node("hook").params) == ("count", {})
    assert [e.target for e in found.edges if e.target_node == "hook"] == ["hook.result"]
    assert [p for p in find_problems(found) if p.severity == "error"] == []


def test_other_pipelines_are_measured_as_they_are() -> None:
    pipeline = config({**NODES, "out": "count"}, CHAIN + "boxes.detections>out.result")
    assert without_receivers(pipeline) is pipeline
