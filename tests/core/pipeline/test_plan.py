"""Plans: what runs where, and which devices."""

from __future__ import annotations

import pytest

from cluster4npu.core.errors import DeviceUnavailable, InputError
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.core.pipeline.plan import default_devices, make_plan, make_pool


@pytest.fixture
def config():
    nodes = [("source", "synthetic"), ("prep", "preprocess"), ("model", "inference"), ("boxes", "detections")]
    nodes += [("view", "preview"), ("count", "count"), ("unused", "classify")]
    wires = [
        ("source.frame", "prep.frame"),
        ("prep.tensor", "model.tensor"),
        ("model.outputs", "boxes.outputs"),
    ]
    wires += [
        ("source.frame", "view.frame"),
        ("boxes.detections", "view.result"),
        ("boxes.detections", "count.result"),
    ]
    wires += [("model.outputs", "unused.outputs")]
    return PipelineConfig(
        nodes=tuple(NodeConfig(id=i, type=t) for i, t in nodes),
        edges=tuple(EdgeConfig(source=s, target=t) for s, t in wires),
    )


def test_only_what_somebody_needs_is_run(config):
    plan = make_plan(config, devices=("sim:ane",))
    assert plan.sources == ("source",) and set(plan.sinks) == {"view", "count"}
    assert plan.stage.before == ("prep",)
    assert plan.stage.after == ("boxes",)
    assert plan.stage.exports == ("boxes.detections",)
    assert plan.simulated


def test_given_devices_and_policy_replace_the_files(config):
    plan = make_plan(
        config.with_params("model", devices=["onnx:cpu"]), devices=("sim:gpu",), policy="shuffled"
    )
    assert [m.id for m in plan.stage.pool] == ["sim:gpu"]
    assert plan.stage.policy == "shuffled"


def test_digest_of_the_stage_leaves_devices_and_policy_out(config):
    one = make_plan(config, devices=("sim:ane",), policy="smooth").stage_digest()
    assert one == make_plan(config, devices=("sim:gpu",), policy="shuffled").stage_digest()
    changed = config.with_params("boxes", confidence=0.9)
    assert one != make_plan(changed, devices=("sim:ane",)).stage_digest()


def test_settled_ids_are_for_loading_and_written_ids_for_people():
    one, two = make_pool(("onnx:cpu", "onnx:cpu#2"))
    assert (one.id, two.id) == ("onnx:cpu", "onnx:cpu#2")
    assert "threads=" in one.settled and one.settled != two.settled
    assert not one.simulated


def test_no_devices_means_the_real_ones_that_are_here():
    assert "onnx:cpu" in default_devices()
    assert not any(d.startswith("sim:") for d in default_devices())


@pytest.mark.parametrize("device", ["onnx:cuda:7", "onnx:cqu", "tpu:0"])
def test_a_device_that_is_not_here_is_refused_by_name(device):
    with pytest.raises(DeviceUnavailable) as caught:
        make_pool((device,), "model")
    assert caught.value.problems[0].node == "model"


def test_a_wrong_option_lists_the_right_ones():
    with pytest.raises(InputError, match="threads"):
        make_pool(("onnx:cpu?thread=2",), "model")
