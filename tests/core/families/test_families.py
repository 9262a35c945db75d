"""Every family: its network is made and computes the same on every runtime, from inputs that are the same each time."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Session
from cluster4npu.core.devices.flops import onnx_flops
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.onnx_outline import read_outline
from cluster4npu.core.errors import DeviceUnavailable, InputError
from cluster4npu.core.families import SPEED_ONLY, Family, build, families, family, make_inputs
from cluster4npu.core.families.graph import Graph

KEY_FAMILIES = {
    "bert", "t5", "llama", "clip", "vit", "clap", "whisper", "wav2vec2", "llava", "llava_next", "xclip", "qwen2",
    "detr",
}  # fmt: skip
REDUCED = "reduced"


def load(device: str, model: Path) -> Session:
    (settled,) = registry.settle((DeviceId.parse(device),))
    return registry.backend(settled.backend).load_named(model, settled, registry.device_options(settled))


def test_the_families() -> None:
    assert set(families()) == KEY_FAMILIES
    with pytest.raises(InputError, match="Did you mean 'whisper'"):
        family("wisper")
    with pytest.raises(InputError, match="7 billion"):
        family("llava").shape_of("published")


@pytest.mark.parametrize("item", families().values(), ids=families())
def test_a_network_computes_the_same_everywhere(item: Family, tmp_path: Path) -> None:
    path = build(item, REDUCED, tmp_path / "m.onnx")
    assert path.read_bytes() == build(item, REDUCED, tmp_path / "again.onnx").read_bytes()
    inputs = make_inputs(item.inputs_of(REDUCED), batch=2)
    declared = item.network(Graph(), item.shape_of(REDUCED))
    expected: list[np.ndarray] = []
    for device in ("onnx:cpu", "openvino:cpu"):
        if not any(info.id == device and info.available for info in registry.listed(device.split(":")[0])):
            continue
        session = load(device, path)
        assert session.unit == "cpu"
        assert session.info.output_names == tuple(declared)
        outputs = [output.copy() for output in session.infer_named(inputs)]
        shapes = [tuple(2 if size is None else size for size in out.shape) for out in declared.values()]
        assert [output.shape for output in outputs] == shapes
        assert all(np.isfinite(output).all() and np.ptp(output) > 0 for output in outputs)
        for output, wanted in zip(outputs, expected or outputs, strict=True):
            np.testing.assert_allclose(output, wanted, rtol=1e-3, atol=1e-4)
        expected = outputs
        session.close()
    session = load("onnx:cpu", path)
    assert session.info.is_for_speed_only and SPEED_ONLY in session.info.description


@pytest.mark.parametrize(
    ("name", "parameters", "flops"),
    [("bert", 4.39e6, None), ("vit", 5.72e6, 2 * 1.26e9), ("llama", 15.2e6, None), ("t5", 15.6e6, None)],
)
def test_a_published_size_costs_what_its_makers_say(
    name: str, parameters: float, flops: float | None, tmp_path: Path
) -> None:
    path = build(family(name), "published", tmp_path / "m.onnx")
    assert read_outline(path).parameters == pytest.approx(parameters, rel=0.015)
    counted = onnx_flops(path)
    assert counted is not None and (flops is None or counted == pytest.approx(flops, rel=0.02))


@pytest.mark.parametrize("item", families().values(), ids=families())
def test_inputs_are_the_same_for_the_same_seed(item: Family) -> None:
    for size in ("reduced",) if item.published is None else ("reduced", "published"):
        tensors = item.inputs_of(size)
        first, same = make_inputs(tensors, 2, seed=3), make_inputs(tensors, 2, seed=3)
        assert [first[name].tobytes() for name in first] == [same[name].tobytes() for name in same]
        other = make_inputs(tensors, 2, seed=4)
        assert any(first[name].tobytes() != other[name].tobytes() for name in first)
        for tensor in tensors:
            array = first[tensor.name]
            assert array.shape == (2, *tensor.shape) and str(array.dtype) == tensor.dtype
            assert not tensor.vocabulary or (array.min() >= 0 and array.max() < tensor.vocabulary)


def test_the_answers_depend_on_every_input(tmp_path: Path) -> None:
    for name in ("clip", "clap", "llava_next", "t5", "whisper", "xclip"):
        item = family(name)
        session = load("onnx:cpu", build(item, REDUCED, tmp_path / f"{name}.onnx"))
        inputs = make_inputs(item.inputs_of(REDUCED), 2, seed=1)
        before = session.infer_named(inputs)[0].copy()
        for changed, array in make_inputs(item.inputs_of(REDUCED), 2, seed=2).items():
            if array.tobytes() == inputs[changed].tobytes():
                continue  # a decoder's start is always the same
            after = session.infer_named({**inputs, changed: array})[0]
            assert not np.allclose(before, after, rtol=1e-6, atol=0), (name, changed)


def test_without_the_tool_the_message_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(DeviceUnavailable, match=r"Install cluster4npu\[quantize\]"):
        build(family("bert"), REDUCED, tmp_path / "m.onnx")
