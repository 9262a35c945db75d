"""The random-weight networks cost what the trained ones of the same name do, and say what they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.flops import onnx_flops
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.onnx_outline import read_outline

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def networks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("speed_networks", ROOT / "examples" / "speed_networks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What their makers publish: parameters, and operations for one image (two for each multiply-add).
@pytest.mark.parametrize(
    ("name", "parameters", "flops"),
    [
        ("yolo11n", 2.62e6, 6.5e9),
        ("mobilenet_v3_large", 5.48e6, 2 * 0.217e9),
        ("resnet50", 25.56e6, 2 * 4.09e9),
    ],
)
def test_the_cost_is_the_published_one(
    networks: ModuleType, name: str, parameters: float, flops: float, tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.onnx"
    onnx.save(networks.build(name), path)
    assert read_outline(path).parameters == pytest.approx(parameters, rel=0.02)
    assert onnx_flops(path) == pytest.approx(flops, rel=0.02)


def test_they_run_and_say_that_they_are_for_speed_only(networks: ModuleType, tmp_path: Path) -> None:
    model = networks.build("mobilenet_v3_large")
    told = {item.key: item.value for item in model.metadata_props}
    assert "speed only" in told["description"] and told["task"] == "classify"
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    device = DeviceId.parse("onnx:cpu?threads=1")
    session = registry.backend("onnx").load(path, device, registry.device_options(device))
    assert session.info.is_for_speed_only
    (scores,) = session.infer(np.full((1, 3, 224, 224), 0.5, np.float32))
    assert scores.shape == (1, 1000) and scores.sum() == pytest.approx(1, abs=1e-3)
