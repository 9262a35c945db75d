"""Precisions of ONNX models: made from the user's frames, kept by hash, refused with a reason, never replaced."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest

from cluster4npu import Engine, RunOptions
from cluster4npu.backends import onnx_precision
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Calibration, Preparation, Session
from cluster4npu.core.devices.flops import onnx_flops
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.inspection import inspect_model
from cluster4npu.core.errors import DeviceUnavailable, InputError
from cluster4npu.core.pipeline.plan import make_pool
from cluster4npu.templates import PipelineTemplates
from tests.backends import models

INT8 = [
    "onnx:cpu?precision=int8",
    "onnx:cpu?precision=int8&quantization=dynamic",
    "openvino:cpu?precision=int8",
]
HERE = {info.id for info in registry.detect() if info.available}


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))


def batches(count: int = 4, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).random((count, 1, 3, 32, 32), np.float32))


def frames_of(name: str, seed: int = 0) -> Calibration:
    return Calibration.of_images(name, batches(seed=seed))


def load(text: str, model: Path) -> Session:
    device = DeviceId.parse(text)
    return registry.backend(device.backend).load(model, device, registry.device_options(device))


def error_of(ours: np.ndarray, reference: np.ndarray) -> float:
    return float(np.sqrt(np.mean((ours - reference) ** 2) / np.mean(reference**2)))


@pytest.mark.parametrize("text", INT8)
def test_int8_is_another_file_with_nearly_the_same_answers(text: str, tmp_path: Path) -> None:
    device = DeviceId.parse(text)
    if device.device not in HERE:
        pytest.skip(f"no {device.device} here")
    model = models.network(tmp_path / "net.onnx")
    plain = load(device.device, model)
    backend = registry.backend(device.backend)
    frames = Preparation.CONVERT if "dynamic" in text else Preparation.CALIBRATE
    assert backend.preparation(device, model) is frames
    assert backend.preparation(DeviceId.parse(device.device), model) is Preparation.NONE
    made = backend.prepare(model, device, None if "dynamic" in text else frames_of("image"))
    assert made.parent == tmp_path / "data" / "models"
    kinds = {node.op_type for node in onnx.load(made).graph.node}
    assert kinds & {"QuantizeLinear", "DynamicQuantizeLinear"}
    session = load(text, made)
    assert session.info.sha256 == plain.info.sha256  # the same model, in another precision
    (frame,) = batches(1, seed=9)
    reference = plain.infer(frame)[0].copy()
    assert 0 < error_of(session.infer(frame)[0], reference) < 0.03


def test_a_file_that_claims_to_be_made_from_another_is_known_by_its_own_hash(tmp_path: Path) -> None:
    model = models.network(tmp_path / "net.onnx")
    made = onnx_precision.prepare(model, "fp16", None)
    assert load("onnx:cpu", made).info.sha256 == load("onnx:cpu", model).info.sha256
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(made.read_bytes())
    own = hashlib.sha256(copy.read_bytes()).hexdigest()
    for device in sorted({"onnx:cpu", "openvino:cpu"} & HERE):
        assert load(device, copy).info.sha256 == own
    assert inspect_model(copy).sha256 == own
    kept = inspect_model(made)
    assert (kept.sha256, kept.made_from) == (own, load("onnx:cpu", model).info.sha256)


def test_what_was_made_is_kept_and_made_anew_for_other_frames(tmp_path: Path) -> None:
    model = models.network(tmp_path / "net.onnx")
    first = onnx_precision.prepare(model, "int8", frames_of("image"))
    stamp = first.stat().st_mtime_ns
    assert onnx_precision.prepare(model, "int8", frames_of("image")) == first
    assert first.stat().st_mtime_ns == stamp
    assert onnx_precision.prepare(model, "int8", frames_of("image", seed=1)) != first
    dynamic = onnx_precision.prepare(model, "int8", None, "dynamic")
    assert dynamic != first
    assert onnx_flops(dynamic) == onnx_flops(first) == onnx_flops(model) and onnx_flops(model)
    whole = first.read_bytes()
    first.write_bytes(whole[:2000])  # as a power cut may leave it
    assert onnx_precision.prepare(model, "int8", frames_of("image")).read_bytes() == whole
    assert {p.suffix for p in first.parent.iterdir()} == {".onnx"}


def test_fp16_keeps_its_inputs_and_outputs(tmp_path: Path) -> None:
    model = models.network(tmp_path / "net.onnx")
    made = onnx_precision.prepare(model, "fp16", None)
    assert onnx.load(made).graph.initializer[0].data_type == onnx.TensorProto.FLOAT16
    (frame,) = batches(1)
    ours, reference = load("onnx:cpu", made).infer(frame)[0], load("onnx:cpu", model).infer(frame)[0]
    assert ours.dtype == np.float32
    assert 0 < error_of(ours, reference) < 2e-3


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("onnx:cpu?precision=fp16", "converted to fp32 and back"),
        ("openvino:cpu?precision=fp16", "no such instructions"),
    ],
)
def test_a_precision_that_a_device_does_not_have_is_refused(text: str, word: str, tmp_path: Path) -> None:
    device = DeviceId.parse(text)
    if device.device not in HERE:
        pytest.skip(f"no {device.device} here")
    if "fp16" in {p for i in registry.detect() if i.id == device.device for p in i.precisions}:
        pytest.skip("this processor computes in fp16")
    for refused in (
        lambda: registry.require_available(device),
        lambda: load(text, models.network(tmp_path / "net.onnx")),
    ):
        with pytest.raises(DeviceUnavailable, match=word) as caught:
            refused()
        assert caught.value.problems[0].allowed and caught.value.problems[0].hint


def test_what_cannot_be_int8_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.network(tmp_path / "net.onnx")
    with pytest.raises(InputError, match="int8 version"):
        load("onnx:cpu?precision=int8", model)  # never the fp32 file in its place
    with pytest.raises(InputError, match="no frame to calibrate"):
        onnx_precision.prepare(model, "int8", None)
    made = onnx_precision.prepare(model, "int8", frames_of("image"))
    with pytest.raises(InputError, match="quantised already"):
        onnx_precision.prepare(made, "int8", frames_of("image"))
    with pytest.raises(InputError, match="cannot be converted to int8"):
        onnx_precision.prepare(
            model, "int8", Calibration.of_images("image", [np.zeros((1, 3, 8, 8), np.float32)])
        )
    bare = models.typed(tmp_path / "bare.onnx", "float32")
    for method in ("static", "dynamic"):
        with pytest.raises(InputError, match="it has no Conv, ConvTranspose, Gemm, MatMul"):
            onnx_precision.prepare(
                bare, "int8", Calibration.of_images("image", [np.zeros((1, 3, 8, 8), np.float32)]), method
            )
    with pytest.raises(InputError, match="not a number"):
        onnx_precision.prepare(
            model, "int8", Calibration.of_images("image", [np.full((1, 3, 32, 32), np.nan, "f4")])
        )
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(DeviceUnavailable, match="quantize"):
        onnx_precision.prepare(model, "int8", frames_of("image", seed=2))


def test_no_file_is_shown_in_another_precision_than_its_own(tmp_path: Path) -> None:
    model = models.network(tmp_path / "net.onnx")
    made = {p: onnx_precision.prepare(model, p, frames_of("image")) for p in ("int8", "fp16")}
    for own, wanted in (("int8", "fp32"), ("fp16", "fp32"), ("fp16", "int8")):
        with pytest.raises(InputError, match=f"in {own} already, and would not be computed in {wanted}"):
            make_pool((f"onnx:cpu?precision={wanted}",), "inference", made[own])
    for text, path in (("onnx:cpu", made["int8"]), ("onnx:cpu?precision=fp32", model)):
        assert make_pool((text,), "inference", path)[0].id == text


def test_a_run_calibrates_with_its_own_source(tmp_path: Path) -> None:
    model = models.detector(tmp_path / "net.onnx")
    config = PipelineTemplates.get("simulated", devices=["onnx:cpu", "onnx:cpu?precision=int8"])
    stage = next(node.id for node in config.nodes if node.type == "inference")
    config = config.with_params("source", width=96, height=64).with_params(stage, model=str(model))
    with Engine(config, RunOptions(frames=20, calibration="never")) as run:
        summary = run.wait(60)
    assert summary.frames_out == 20 and {d.unit for d in summary.devices} == {"cpu"}
    (kept,) = (tmp_path / "data" / "models").iterdir()
    assert kept.name.startswith("net-int8-")
