"""What only a GPU can show: precisions, batches, the same answers, and a pool with the processor. Skipped without one.

The contract suite runs on every GPU that is here besides (`test_contract.py`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cluster4npu import Engine, PipelineConfig, RunOptions
from cluster4npu.core.bench.card import compare_devices
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Preparation, Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.engine.messages import Calibrated
from cluster4npu.core.settings import assets_dir
from tests.backends import models

LISTED = {info.id: info for info in registry.detect()}
GPUS = (
    "onnx:cuda:0",
    "onnx:tensorrt:0",
    "onnx:migraphx:0",
    "onnx:directml:0",
    "openvino:gpu",
    "torch:cuda:0",
    "torch:xpu:0",
)


def required(device: str) -> None:
    """Skip where this device is not here, with its own reason."""
    info = LISTED.get(device)
    if info is None or not info.available:
        pytest.skip(f"{device} is not here: {info.reason if info is not None else 'its backend is missing'}")


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))


def model_for(device: str, tmp_path: Path, batch: int | str = 1) -> Path:
    if device.startswith("torch:"):
        from tests.backends import torch_models

        return torch_models.conv(tmp_path / "net.pt", batch=batch)
    return models.conv(tmp_path / "net.onnx", batch=batch)


def load(text: str, model: Path) -> Session:
    (device,) = registry.settle((DeviceId.parse(text),))
    backend = registry.backend(device.backend)
    if backend.preparation(device, model) is Preparation.CONVERT:
        model = backend.prepare(model, device, None)
    return backend.load(model, device, registry.device_options(device))


@pytest.mark.parametrize("device", GPUS)
def test_it_computes_on_the_gpu_and_says_so(device: str, tmp_path: Path) -> None:
    required(device)
    session = load(device, model_for(device, tmp_path))
    assert "cpu" not in session.unit and session.unit != "unknown"


@pytest.mark.parametrize("device", GPUS)
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_gives_nearly_the_same_answers(device: str, precision: str, tmp_path: Path) -> None:
    required(device)
    if precision not in LISTED[device].precisions:
        pytest.skip(f"{device} does not compute in {precision}")
    model = model_for(device, tmp_path)
    batch = np.random.default_rng(0).random((1, 3, 16, 24), np.float32)
    plain = load(device, model).infer(batch)[0].copy()
    lowered = load(f"{device}?precision={precision}", model).infer(batch)[0]
    assert lowered.dtype == np.float32
    error = np.sqrt(np.mean((lowered - plain) ** 2) / np.mean(plain**2))
    assert 0 < error < 0.02


@pytest.mark.parametrize("device", GPUS)
@pytest.mark.parametrize("count", [2, 8, 32])
def test_a_batch_gives_what_its_frames_give_alone(device: str, count: int, tmp_path: Path) -> None:
    required(device)
    session = load(device, model_for(device, tmp_path, batch="n"))
    frames = np.random.default_rng(0).random((count, 3, 16, 24), np.float32)
    alone = np.concatenate([session.infer(frame[None])[0].copy() for frame in frames])
    np.testing.assert_allclose(session.infer(frames)[0], alone, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("device", [gpu for gpu in GPUS if not gpu.startswith("torch:")])
def test_the_parity_card_finds_the_same_boxes(device: str) -> None:
    required(device)
    config = PipelineConfig.open(Path(assets_dir()) / "example.json")
    stage = next(node.id for node in config.nodes if node.type == "inference")
    card = compare_devices(config.with_params(stage, devices=["onnx:cpu", device]), frames=40)
    assert card.same and not any(row.fell_back for row in card.devices)


@pytest.mark.parametrize("device", [gpu for gpu in GPUS if not gpu.startswith("torch:")])
def test_processor_and_gpu_are_calibrated_together(device: str) -> None:
    required(device)
    config = PipelineConfig.open(Path(assets_dir()) / "example.json")
    options = RunOptions(frames=200, loop=True, devices=("onnx:cpu", device), calibration="always")
    with Engine(config, options) as run:
        measured = [event for event in run.events() if isinstance(event, Calibrated)]
        summary = run.wait()
    assert summary.frames_out == 200 and summary.frames_failed == 0
    assert {d.id for event in measured for d in event.devices if d.fps_alone > 0} == {"onnx:cpu", device}
