"""Graph checks: every problem names its node and the remedy."""

from __future__ import annotations

import pytest

from cluster4npu.core.errors import PipelineInvalid
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.core.pipeline.graph import Graph, find_problems, wire_problem


def pipeline(*, drop: str = "", extra: tuple[NodeConfig, ...] = (), wires: tuple[tuple[str, str], ...] = ()):
    nodes = (
        NodeConfig(id="source", type="synthetic"),
        NodeConfig(id="prep", type="preprocess"),
        NodeConfig(id="model", type="inference", params={"devices": ["sim:ane"]}),
        NodeConfig(id="boxes", type="detections"),
        NodeConfig(id="view", type="preview"),
    )
    edges = [
        ("source.frame", "prep.frame"),
        ("prep.tensor", "model.tensor"),
        ("model.outputs", "boxes.outputs"),
        ("source.frame", "view.frame"),
        ("boxes.detections", "view.result"),
        *wires,
    ]
    return PipelineConfig(
        nodes=(*(n for n in nodes if n.id != drop), *extra),
        edges=tuple(
            EdgeConfig(source=s, target=t) for s, t in edges if drop not in (s.split(".")[0], t.split(".")[0])
        ),
    )


def test_a_good_pipeline_has_no_problem_and_a_topological_order():
    assert find_problems(pipeline()) == []
    graph = Graph.build(pipeline())
    order = list(graph.nodes)
    assert order.index("source") < order.index("prep") < order.index("model") < order.index("boxes")
    assert graph.upstream("boxes") == {"model", "prep", "source"}


@pytest.mark.parametrize(
    ("config", "node", "words"),
    [
        (PipelineConfig(), "", "empty"),
        (pipeline(drop="source"), "", "needs a source"),
        (pipeline(drop="model"), "", "needs an inference"),
        (pipeline(drop="prep"), "model", "'tensor' is not connected"),
        (pipeline(extra=(NodeConfig(id="s2", type="synthetic"),)), "s2", "come to no model"),
        (pipeline(extra=(NodeConfig(id="x", type="letterbocks"),)), "x", "unknown node type"),
        (pipeline(extra=(NodeConfig(id="x", type="count", params={"paht": 1}),)), "x", "unknown field"),
        (pipeline().with_params("boxes", confidence=1.5), "boxes", "too large"),
        (pipeline().with_params("source", width="wide"), "source", "whole number"),
        (pipeline().with_params("model", model="missing.onnx"), "model", "the model file is missing"),
        (pipeline().with_params("model", policy="smoth"), "model", "Did you mean 'smooth'?"),
        (pipeline().with_params("model", devices=["onnx"]), "model", "not a device id"),
        (pipeline().with_params("model", devices=["sim:ane", "sim:ane"]), "model", "#2"),
        (
            pipeline(wires=(("source.frame", "boxes.outputs"),)),
            "boxes",
            "frame output cannot go into this input",
        ),
        (pipeline(wires=(("source.frame", "nobody.frame"),)), "nobody", "does not exist"),
        (pipeline(wires=(("source.picture", "prep.frame"),)), "source", "no output 'picture'"),
    ],
)
def test_problems_name_the_node(config, node, words):
    found = [p for p in find_problems(config) if p.node == node and words in p.text()]
    assert found, [p.text() for p in find_problems(config)]
    with pytest.raises(PipelineInvalid):
        Graph.build(config)


def test_two_wires_into_one_input_are_refused():
    extra = (NodeConfig(id="prep2", type="preprocess"),)
    config = pipeline(extra=extra, wires=(("source.frame", "prep2.frame"),))
    problem = wire_problem(config, EdgeConfig(source="prep2.tensor", target="model.tensor"))
    assert problem is not None and "already has a wire" in problem.message


def test_a_longer_bridge_is_named_and_a_circle_comes_before_the_wrong_type():
    apart = pipeline(extra=(NodeConfig(id="number", type="count"),))
    problem = wire_problem(apart, EdgeConfig(source="source.frame", target="number.result"))
    assert problem is not None
    assert problem.hint == "Put the nodes 'Preprocess' and 'Inference' between them."
    back = wire_problem(pipeline(), EdgeConfig(source="model.outputs", target="prep.frame"))
    assert back is not None and "circle" in back.message


def test_a_wrong_type_is_refused_with_a_bridge():
    problem = wire_problem(pipeline(drop="prep"), EdgeConfig(source="source.frame", target="model.tensor"))
    assert problem is not None and "Put the node 'Preprocess' between them." in problem.hint


def test_all_problems_at_once():
    config = pipeline(drop="prep").with_params("boxes", confidence=9).with_params("model", policy="x")
    assert {p.node for p in find_problems(config)} >= {"model", "boxes"}
    assert len(find_problems(config)) >= 3


def test_a_device_that_does_not_read_the_model_file_is_told(tmp_path):
    script = tmp_path / "model.pt"
    script.write_bytes(b"only its name is looked at here")
    config = pipeline().with_params("model", model=str(script), devices=["onnx:cpu", "sim:ane"])
    (problem,) = find_problems(config)
    assert (problem.node, problem.field) == ("model", "devices")
    assert "'onnx:cpu' cannot run this model" in problem.message and "torch" in problem.hint
    assert find_problems(config.with_params("model", devices=["torch:cpu", "sim:ane"])) == []


def test_a_circle_is_named():
    # No node type of ours takes what it makes, so a circle needs a wire of a wrong type: both are told.
    config = pipeline(wires=(("boxes.detections", "prep.frame"),))
    texts = " ".join(p.text() for p in find_problems(config))
    assert "detections output cannot go into this input" in texts
    assert "circle" in texts


def test_one_wrong_field_is_one_problem_and_says_what_is_allowed():
    problems = find_problems(pipeline().with_params("source", width="320 px"))
    assert [p.field for p in problems] == ["width"]
    assert problems[0].allowed == "a whole number, in px, without the unit"
    (low,) = find_problems(pipeline().with_params("source", width=1))
    assert low.allowed == "at least 16 px"


@pytest.mark.parametrize("device", ["foo:bar", "sim:x?ms=-1", "sim:foo", "onnx:cpu?thread=2"])
def test_a_device_that_cannot_be_is_told_in_the_file(device):
    (problem,) = find_problems(pipeline().with_params("model", devices=[device]))
    assert (problem.node, problem.field) == ("model", "devices")


def test_an_output_does_not_write_over_an_input(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"x")
    config = pipeline(
        extra=(NodeConfig(id="file", type="jsonl", params={"path": "m.onnx"}),),
        wires=(("boxes.detections", "file.result"),),
    ).with_params("model", model=str(tmp_path / "m.onnx"), devices=["onnx:cpu"])
    problems = find_problems(config.replace(base=tmp_path))
    assert any("write over a file of 'model'" in p.message for p in problems)


def test_one_fault_is_told_once():
    loose = PipelineConfig(nodes=pipeline().nodes, edges=pipeline().edges[1:])  # without source -> prep
    assert [(p.node, p.field) for p in find_problems(loose)] == [("prep", "frame")]
    entries = {n.id: n for n in pipeline().nodes}
    misspelt = pipeline().with_node(entries["prep"].model_copy(update={"type": "preproces"}))
    assert [(p.node, p.field) for p in find_problems(misspelt)] == [("prep", "type")]
    wrong = PipelineConfig(
        nodes=pipeline().nodes,
        edges=(EdgeConfig(source="source.picture", target="prep.frame"), *pipeline().edges[1:]),
    )
    assert [(p.node, p.field) for p in find_problems(wrong)] == [("source", "picture")]


def test_two_faults_are_told_both():
    loose = PipelineConfig(nodes=pipeline().nodes, edges=pipeline().edges[1:])
    second = NodeConfig(id="two", type="synthetic")
    both = loose.with_node(second).replace(
        edges=(
            *(e for e in loose.edges if e.target != "view.frame"),
            EdgeConfig(source="two.frame", target="view.frame"),
        )
    )
    found = [(p.node, p.severity) for p in find_problems(both)]
    assert ("prep", "error") in found and ("source", "warning") in found
