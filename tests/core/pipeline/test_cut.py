"""Cutting graphs into stages: what runs where, what lies between, and what cannot be run."""

from __future__ import annotations

import pytest

from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import PipelineInvalid
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.core.pipeline.plan import make_plan
from tests.core.engine.stages import branches, cameras, config, model, row, synthetic

SIM = ("sim:a?ms=1",)


def test_two_stages_in_a_row():
    plan = make_plan(row(("sim:a?ms=1", "sim:b?ms=1"), ("sim:c?ms=1",)))
    detect, classify = plan.stages
    assert (detect.node_id, detect.before, detect.after) == ("detect", ("prep",), ("boxes",))
    assert detect.exports == ("boxes.detections",) and detect.takes == ()
    assert classify.before == ("crop", "fit") and classify.after == ("classes", "attach")
    assert set(classify.each) == {"fit", "classes"}
    assert classify.imports == ("boxes.detections",) and classify.takes == (0,)
    assert classify.exports == ("attach.detections",)
    assert [len(stage.pool) for stage in plan.stages] == [2, 1]


def test_branches_share_what_is_before_them_and_are_joined_by_the_manager():
    plan = make_plan(branches(SIM, ("sim:b?ms=1",)))
    assert [stage.before for stage in plan.stages] == [("prep",), ("prep",)]
    assert [stage.takes for stage in plan.stages] == [(), ()]
    assert plan.joins == ("merge",)


def test_a_stage_behind_joined_branches_takes_both():
    base = branches(SIM, ("sim:b?ms=1",))
    nodes = (
        NodeConfig(id="crop", type="crop_boxes"),
        NodeConfig(id="fit", type="preprocess"),
        NodeConfig(id="third", type="inference", params={"devices": ["sim:c?ms=1"]}),
    )
    wires = [("source.frame", "crop.frame"), ("merge.detections", "crop.detections")]
    wires += [("crop.crops", "fit.frame"), ("fit.tensor", "third.tensor")]
    edges = tuple(EdgeConfig(source=s, target=t) for s, t in wires)
    plan = make_plan(base.replace(nodes=(*base.nodes, *nodes), edges=(*base.edges, *edges)))
    third = plan.stages[2]
    assert third.before == ("merge", "crop", "fit") and third.takes == (0, 1)


def test_a_device_in_two_stages_gets_a_worker_in_each():
    plan = make_plan(row(("onnx:cpu",), ("onnx:cpu", "onnx:cpu#2")))
    assert [member.id for member in plan.members] == ["onnx:cpu", "onnx:cpu#2", "onnx:cpu#3"]
    assert len({member.settled for member in plan.members}) == 3


def test_the_digest_of_a_stage_knows_what_comes_before_it():
    plain, other = row(SIM, SIM), row(SIM, SIM).with_params("boxes", confidence=0.9)
    one, two = make_plan(plain), make_plan(other)
    assert one.stage_digest(1) != two.stage_digest(1)
    assert one.stage_digest(0) != one.stage_digest(1)


def test_several_sources_go_into_the_same_stage():
    plan = make_plan(cameras(synthetic(), synthetic(), devices=SIM))
    assert plan.sources == ("cam1", "cam2") == plan.stages[0].sources
    assert plan.stages[0].frames == ("all.frame",)


def test_work_that_knows_one_stage_says_so():
    with pytest.raises(PipelineInvalid, match="one inference node only"):
        _ = make_plan(row(SIM, SIM)).stage


def _with(base, nodes, wires, drop=()):
    edges = tuple(e for e in base.edges if e.target not in drop)
    more = tuple(EdgeConfig(source=s, target=t) for s, t in (w.split(">") for w in wires.split()))
    extra = tuple(NodeConfig(id=i, type=t) for i, t in nodes.items())
    return base.replace(nodes=(*base.nodes, *extra), edges=(*edges, *more))


@pytest.mark.parametrize(
    ("pipeline", "node", "words"),
    [
        (_with(row(SIM, SIM), {"count": "count"}, "classes.classes>count.result"), "count", "single crops"),
        (
            _with(row(SIM, SIM), {}, "boxes.detections>preview.result", drop={"preview.result"}),
            "attach",
            "nothing uses",
        ),
        (
            _with(row(SIM, SIM), {"more": "detections"},
                  "detect.outputs>more.outputs more.detections>attach.detections", drop={"attach.detections"}),
            "attach",
            "not the boxes that were cut out",
        ),
        (
            _with(row(SIM, SIM), {"whole": "classify"}, "detect.outputs>whole.outputs whole.classes>attach.classes",
                  drop={"attach.classes"}),
            "attach",
            "what a model found in crops",
        ),
        (
            config(
                {"one": synthetic(), "two": synthetic(), "a": "preprocess", "m": model(*SIM), "d": "detections",
                 "crop": "crop_boxes", "b": "preprocess", "n": model(*SIM)},
                "one.frame>a.frame a.tensor>m.tensor m.outputs>d.outputs two.frame>crop.frame "
                "d.detections>crop.detections crop.crops>b.frame b.tensor>n.tensor",
            ),
            "crop",
            "frames of different sources never meet",
        ),
        (
            config(
                {"one": synthetic(), "two": synthetic(), "a": "preprocess", "m": model(*SIM), "see": "preview"},
                "one.frame>a.frame a.tensor>m.tensor two.frame>see.frame",
            ),
            "two",
            "come to no model",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_told_with_its_node(pipeline, node, words):
    found = find_problems(pipeline)
    assert [p for p in found if p.node == node and words in p.text()], [p.text() for p in found]


def test_crops_and_several_sources_run_in_one_process_too():
    asked = {"execution": "on_demand"}
    for pipeline in (row(SIM, SIM), cameras(synthetic(fps=20), synthetic(fps=30), devices=SIM)):
        assert [p for p in find_problems(pipeline.replace(**asked)) if p.severity == "error"] == []
    cut_off = [e for e in row(SIM, SIM).edges if e.target != "preview.result"]
    cut_off.append(EdgeConfig(source="classes.classes", target="preview.result"))
    found = find_problems(row(SIM, SIM).replace(edges=tuple(cut_off), **asked))
    assert "preview" in {p.node for p in found if "single crops" in p.message}


def test_what_can_be_run_has_no_problem():
    for pipeline in (row(SIM, SIM), branches(SIM, SIM), cameras(synthetic(), synthetic(), devices=SIM)):
        assert find_problems(pipeline) == []


def test_what_settles_to_the_same_device_gets_a_worker_of_its_own() -> None:
    threads = DeviceId.parse(make_plan(row(("onnx:cpu",), ("onnx:cpu",))).members[0].settled).options
    option = "&".join(f"{name}={value}" for name, value in threads)
    plan = make_plan(row(("onnx:cpu",), (f"onnx:cpu?{option}",)))
    assert len({member.settled for member in plan.members}) == 2
