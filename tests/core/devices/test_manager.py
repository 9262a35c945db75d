"""AdvancedDeviceManager: what is here, how it is, who runs what; on real calibrations of simulated devices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster4npu import AdvancedDeviceManager, DeviceAllocation, DeviceHealth, PipelineConfig
from cluster4npu.core.devices.manager import best_of
from cluster4npu.core.devices.rounds import rounds
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import Calibrated, DeviceCalibration, RunOptions
from cluster4npu.core.errors import DeviceUnavailable, InputError, PipelineInvalid
from cluster4npu.templates import PipelineTemplates
from tests.core.engine.stages import branches


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))


@pytest.fixture
def manager() -> AdvancedDeviceManager:
    return AdvancedDeviceManager()


def pipeline(*devices: str) -> PipelineConfig:
    config = PipelineTemplates.get("simulated", devices=list(devices))
    return config.with_params("source", width=64, height=48)


def stage_of(config: PipelineConfig) -> str:
    return next(node.id for node in config.nodes if node.type == "inference")


def test_all_devices_with_their_health(manager: AdvancedDeviceManager) -> None:
    devices = {device.id: device for device in manager.detect_all_devices()}
    cpu = devices["onnx:cpu"]
    assert cpu.available and cpu.name and cpu.memory_bytes
    assert cpu.health.status in {"ok", "warn", "fail"} and cpu.health.utilization is not None
    assert devices["sim:ane"].simulated and devices["sim:ane"].health.status == "unknown"
    assert all(device.available or device.reason for device in devices.values())


def test_what_only_a_pipeline_names_is_detected_with_it(manager: AdvancedDeviceManager) -> None:
    config = pipeline("sim:mine?ms=5", "sim:ane#2", "onnx:warp")
    found = manager.detect_all_devices(age_s=60.0, pipeline=config)
    mine, warp = found[len(manager.detect_all_devices(age_s=60.0)) :]
    assert (mine.id, mine.simulated, mine.available) == ("sim:mine", True, True)
    assert (warp.id, warp.available) == ("onnx:warp", False) and "this pipeline names it" in warp.reason


def test_health_of_one_device(manager: AdvancedDeviceManager) -> None:
    assert manager.get_device_health("onnx:cpu#2").utilization is not None
    assert manager.get_device_health("sim:mine?ms=2") == DeviceHealth(reason="simulated")
    with pytest.raises(DeviceUnavailable, match="onnx:cpu"):
        manager.get_device_health("onnx:cpv")
    with pytest.raises(InputError, match="not a device id"):
        manager.get_device_health(None)  # type: ignore[arg-type]
    for wrong in ("sim:a?ms=x", "onnx:cpu?bogus=1", "onnx:cpu?threads=-1"):
        with pytest.raises(InputError, match="device option"):
            manager.get_device_health(wrong)


def test_performance_is_kept_over_a_restart(manager: AdvancedDeviceManager) -> None:
    first = manager.monitor_device_performance("onnx:cpu")
    assert first.history == (first.latest,) and first.latest.utilization is not None
    code = (
        "from cluster4npu import AdvancedDeviceManager as M;"
        "print(len(M().monitor_device_performance('onnx:cpu').history))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"
    third = manager.monitor_device_performance("onnx:cpu")
    assert len(third.history) == 3 and third.history[0] == first.latest
    assert third.history[0].at < third.history[1].at < third.history[2].at


def test_assigning_changes_the_pipeline(manager: AdvancedDeviceManager) -> None:
    config = pipeline("sim:a?ms=5")
    stage = stage_of(config)
    changed = manager.assign_devices_to_stages(config, {stage: ["onnx:cpu", "onnx:cpu#2", "sim:b?ms=4"]})
    assert list(changed.node(stage).params["devices"]) == ["onnx:cpu", "onnx:cpu#2", "sim:b?ms=4"]
    assert list(config.node(stage).params["devices"]) == ["sim:a?ms=5"]
    same = manager.assign_devices_to_stages(config, DeviceAllocation({stage: ("sim:gpu",)}))
    assert list(same.node(stage).params["devices"]) == ["sim:gpu"]


@pytest.mark.parametrize(
    ("devices", "word"),
    [
        (["onnx:warp"], "onnx:warp"),
        (["onnnx:cpu"], "Did you mean 'onnx'"),
        (["no device"], "not a device id"),
        (["onnx:cpu", "onnx:cpu"], "given twice"),
        (["onnx:cpu?wings=2"], "wings"),
        (["sim:unnamed"], "how fast"),
        ([], "no device"),
        ("sim:ane", "takes a list of devices"),
        (None, "takes a list of devices"),
        (["sim:ane?exclusive=1", "sim:ane?exclusive=1#2"], "takes no second worker"),
        ([None], "not a device id"),
    ],
)
def test_a_wrong_allocation_is_refused(manager: AdvancedDeviceManager, devices: Any, word: str) -> None:
    config = pipeline("sim:a?ms=5")
    with pytest.raises(PipelineInvalid, match=word) as caught:
        manager.assign_devices_to_stages(config, {stage_of(config): devices})
    assert len(caught.value.problems) == 1
    assert all(p.node == stage_of(config) and p.field == "devices" for p in caught.value.problems)


def test_what_is_no_allocation_is_refused(manager: AdvancedDeviceManager) -> None:
    for wrong, word in (
        ({}, "gives no stage a device"),
        (None, "gives devices to stages"),
        ({5: []}, "no such stage"),
    ):
        with pytest.raises(PipelineInvalid, match=word):
            manager.assign_devices_to_stages(pipeline("sim:a?ms=5"), wrong)  # type: ignore[arg-type]


def test_a_device_that_cannot_read_the_model_is_refused(manager: AdvancedDeviceManager) -> None:
    config = pipeline("sim:a?ms=5")
    config = config.with_params(stage_of(config), model="net.pt2")
    with pytest.raises(PipelineInvalid, match="cannot run this model"):
        manager.assign_devices_to_stages(config, {stage_of(config): ["onnx:cpu"]})
    manager.assign_devices_to_stages(config, {stage_of(config): ["sim:a?ms=5"]})


def test_every_problem_is_told_at_once(manager: AdvancedDeviceManager) -> None:
    config = pipeline("sim:a?ms=5")
    stage = stage_of(config)
    with pytest.raises(PipelineInvalid, match="Did you mean") as caught:
        manager.assign_devices_to_stages(config, {stage + "x": ["sim:gpu"], stage: ["onnx:warp", "bad id"]})
    assert len(caught.value.problems) == 3


def test_independent_devices_are_all_used_the_fastest_first(manager: AdvancedDeviceManager) -> None:
    config = pipeline("sim:slow?ms=40", "sim:fast?ms=10", "sim:middle?ms=20")
    best = manager.optimize_device_allocation(config)
    assert best.stages == {stage_of(config): ("sim:fast?ms=10", "sim:middle?ms=20", "sim:slow?ms=40")}
    assert best.simulated and not best.left_out
    kept = calibration_kept(config)
    assert best.fps == pytest.approx(sum(device.fps_together for device in kept))
    assert all(device.fps_alone <= 1.1 * 1000 / float(device.id.partition("ms=")[2]) for device in kept)
    assert manager.assign_devices_to_stages(config, best).node(stage_of(config)).params["devices"]
    again = manager.optimize_device_allocation(config)  # from the kept calibration
    assert again == best


def calibration_kept(config: PipelineConfig) -> tuple[DeviceCalibration, ...]:
    """Return what was measured and kept, as the next run gets it."""
    with Engine(config, RunOptions(frames=1)) as run:
        (told,) = [event for event in run.events() if isinstance(event, Calibrated)]
        run.wait(30)
    assert told.cached
    return told.devices


def test_a_device_that_would_slow_the_others_is_left_out(manager: AdvancedDeviceManager) -> None:
    config = pipeline("sim:fast?ms=2", "sim:snail?ms=200")
    best = manager.optimize_device_allocation(config)
    assert best.stages == {stage_of(config): ("sim:fast?ms=2",)}
    assert "would have to wait for it" in best.left_out["sim:snail?ms=200"]


def test_one_device_is_measured_too(manager: AdvancedDeviceManager) -> None:
    best = manager.optimize_device_allocation(pipeline("sim:only?ms=20"))
    assert 5 < best.fps < 55  # 50, and less on a busy machine


def test_the_best_of_what_was_measured_is_chosen() -> None:
    def measured(**rates: tuple[float, float]) -> tuple[DeviceCalibration, ...]:
        return tuple(DeviceCalibration(name, *both, 0.0) for name, both in rates.items())

    shared = measured(a=(100, 40), b=(50, 30))
    assert best_of([shared]) == {"a": 100}
    assert best_of([measured(a=(100, 90), b=(50, 30))]) == {"a": 90, "b": 30}
    assert best_of([measured(a=(100, 100), b=(0, 0))]) == {"a": 100}
    assert best_of([measured(a=(10, 10), b=(90, 20), c=(5, 5)), measured(a=(10, 10), b=(90, 89))]) == {
        "a": 10,
        "b": 89,
    }
    assert best_of([]) == {}


def test_stages_get_the_devices_that_serve_them_best(manager: AdvancedDeviceManager) -> None:
    config = branches(("sim:a?ms=20", "sim:b?ms=40"), ("sim:c?ms=40",), frames=40)
    best = manager.optimize_device_allocation(config)
    assert best.predicted and best.simulated and not best.left_out
    first, second = best.stages.values()
    assert {frozenset(first), frozenset(second)} == {
        frozenset({"sim:a?ms=20"}),
        frozenset({"sim:b?ms=40", "sim:c?ms=40"}),
    }
    assert 4 < best.fps < 55  # 50, and less on a busy machine
    changed = manager.assign_devices_to_stages(config, best)
    assert {tuple(changed.node(stage).params["devices"]) for stage in best.stages} == {first, second}


def test_fewer_devices_than_stages_is_told() -> None:
    with pytest.raises(ValueError, match="cannot serve"):
        rounds(["a", "b"], ["x"])
    for allocation in rounds(["a", "b", "c"], ["p", "q", "r", "s", "t"]):
        assert sorted(d for devices in allocation.values() for d in devices) == ["p", "q", "r", "s", "t"]
    seen = {
        (s, d) for turn in rounds(["a", "b"], ["p", "q", "r"]) for s, chosen in turn.items() for d in chosen
    }
    assert len(seen) == 6
