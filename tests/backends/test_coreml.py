"""Core ML: packages are made and read for real; only what runs them, which macOS alone has, is a mock, named so."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cluster4npu.backends import coreml
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Preparation, Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.inspection import inspect_model
from cluster4npu.core.devices.truth import fell_back
from cluster4npu.core.errors import DeviceUnavailable, InputError, RunFailed
from tests.backends import models

UNITS = ("all", "ane", "gpu", "cpu")


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))


def test_all_units_are_listed_and_say_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = registry.backend("coreml")
    monkeypatch.setattr(coreml.sys, "platform", "linux")
    found = backend.devices()
    assert [info.id for info in found] == [f"coreml:{unit}" for unit in UNITS]
    assert not any(info.available for info in found)
    assert all("runs on macOS only" in info.reason and "packages" in info.reason for info in found)
    with pytest.raises(DeviceUnavailable, match="macOS only"):
        backend.load(None, DeviceId.parse("coreml:gpu"), backend.Options())
    monkeypatch.setattr(coreml.sys, "platform", "darwin")
    monkeypatch.setattr(coreml.importlib.util, "find_spec", lambda name: None)
    assert all("cluster4npu[coreml]" in info.reason for info in backend.devices())


def test_the_neural_engine_says_that_it_computes_in_fp16() -> None:
    ane, gpu = DeviceId.parse("coreml:ane"), DeviceId.parse("coreml:gpu")
    assert [str(d) for d in registry.settle((ane, gpu))] == ["coreml:ane?precision=fp16", "coreml:gpu"]
    backend = registry.backend("coreml")
    assert backend.preparation(ane, Path("m.mlpackage")) is Preparation.NONE
    assert backend.preparation(ane, Path("m.pt2")) is Preparation.CONVERT
    assert backend.why_not(ane, "fp32") and not backend.why_not(gpu, "fp32")


NEEDS = [name for name in ("coremltools", "torch") if importlib.util.find_spec(name) is None]
needs_tools = pytest.mark.skipif(bool(NEEDS), reason=f"not installed: {', '.join(NEEDS)}")


def program(tmp_path: Path, kind: str = "trace") -> Path:
    """Make a detector that says what it finds, trusted where that is needed."""
    from cluster4npu.core.devices.model_file import read_model_file
    from cluster4npu.core.devices.trust import trust_file
    from tests.backends import torch_models

    told = {"names": '["a", "b", "c"]', "task": "detect"}
    if kind == "trace":
        return torch_models.detector(tmp_path / "net.pt", metadata=told)
    model = torch_models.exported_detector(tmp_path / "net.pt2", metadata=told)
    trust_file().parent.mkdir(parents=True, exist_ok=True)
    trust_file().write_text(read_model_file(model), encoding="utf-8")
    return model


def package(model: Path, precision: str = "fp32") -> Path:
    """Make a program's package as a run does before its workers load."""
    device = DeviceId.parse(f"coreml:gpu?precision={precision}")
    return registry.backend("coreml").prepare(model, device, None)


@needs_tools
@pytest.mark.parametrize("kind", ["trace", "export"])
def test_a_program_becomes_a_package_that_tells_the_same(kind: str, tmp_path: Path) -> None:
    model = program(tmp_path, kind)
    made = package(model, "fp16")
    assert made.parent == tmp_path / "data" / "models" and made.suffix == ".mlpackage"
    stamp = made.stat().st_mtime_ns
    assert package(model, "fp16") == made and made.stat().st_mtime_ns == stamp
    found = coreml.read_package(made)
    assert found.precision == "fp16" and found.origin.precision == "fp16" and not found.image
    info = found.info
    assert (info.input_name, info.input_shape, info.input_dtype) == ("image", (1, 3, 64, 64), "float32")
    assert (info.output_names, info.output_shapes) == (("output0",), ((1, 7, 64),))
    assert info.labels == ("a", "b", "c") and info.task == "detect"
    assert info.sha256 == found.origin.sha256  # the program's own: the same model


@needs_tools
def test_packages_are_inspected_on_any_system(tmp_path: Path) -> None:
    made = package(program(tmp_path))
    report = inspect_model(made)
    assert (report.format, report.task, report.layout) == ("Core ML", "detection", "yolov8")
    assert report.outputs[0].shape == (1, 7, 64) and report.bytes > 1000
    assert report.operators["conv"] == 1 and report.parameters == 7 * 3 * 8 * 8
    assert report.flops == 2 * (7 * 8 * 8) * (3 * 8 * 8) == inspect_model(program(tmp_path)).flops


def _manifest(folder: Path, path: str) -> None:
    file = folder / "Manifest.json"
    manifest = json.loads(file.read_text("utf-8"))
    next(iter(manifest["itemInfoEntries"].values()))["path"] = path
    file.write_text(json.dumps(manifest), "utf-8")


def _weights_elsewhere(folder: Path, name: bytes) -> None:
    file = folder / "Data/com.apple.CoreML/model.mlmodel"
    old = b"@model_path/weights/weight.bin"
    file.write_bytes(file.read_bytes().replace(old, name.ljust(len(old), b"x")[: len(old)]))


def _cut(folder: Path, name: str, size: int) -> None:
    file = folder / name
    file.write_bytes(file.read_bytes()[:size])


def _link(folder: Path, outside: Path) -> None:
    file = folder / "Data/com.apple.CoreML/weights/weight.bin"
    outside.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(outside)


SPEC = "Data/com.apple.CoreML/model.mlmodel"
DAMAGE = {
    "no manifest": lambda p: (p / "Manifest.json").unlink(),
    "a manifest that is none": lambda p: _cut(p, "Manifest.json", 40),
    "a manifest that leads out": lambda p: _manifest(p, "../../secret"),
    "an absolute manifest": lambda p: _manifest(p, "/etc/hostname"),
    "a cut specification": lambda p: _cut(p, SPEC, 300),
    "an empty specification": lambda p: _cut(p, SPEC, 0),
    "weights from elsewhere": lambda p: _weights_elsewhere(p, b"/etc/hostname"),
    "weights above": lambda p: _weights_elsewhere(p, b"@model_path/../../../secret"),
    "cut weights": lambda p: _cut(p, "Data/com.apple.CoreML/weights/weight.bin", 10),
    "weights behind a link": lambda p: _link(p, p.parent / "secret"),
}


@needs_tools
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_package_is_refused_and_leads_nowhere(kind: str, tmp_path: Path) -> None:
    made = package(program(tmp_path))
    DAMAGE[kind](made)
    with pytest.raises(InputError) as caught:
        registry.backend("coreml").look(made)
    (problem,) = caught.value.problems
    assert problem.field == "model" and made.name in problem.found and problem.hint


@needs_tools
def test_mutated_packages_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    made = package(program(tmp_path))
    rng = np.random.default_rng(0)
    for name in (SPEC, "Manifest.json"):
        whole = (made / name).read_bytes()
        for _ in range(150):
            mutated = bytearray(whole)
            for place in rng.integers(0, len(whole), rng.integers(1, 8)):
                mutated[place] = rng.integers(0, 256)
            (made / name).write_bytes(
                mutated[: rng.integers(1, len(whole) + 1)] if rng.random() < 0.3 else mutated
            )
            with contextlib.suppress(InputError):  # any other error fails the test
                coreml.read_package(made)
        (made / name).write_bytes(whole)
    assert coreml.read_package(made).info.output_shapes == ((1, 7, 64),)


@needs_tools
def test_what_cannot_be_converted_says_why(tmp_path: Path) -> None:
    from tests.backends import torch_models

    backend = registry.backend("coreml")
    for model in (
        torch_models.classifier(tmp_path / "open.pt"),  # its size is open
        torch_models.typed(tmp_path / "typed.pt", "uint8"),
    ):
        with pytest.raises(InputError, match="cannot be converted to Core ML") as caught:
            backend.prepare(model, DeviceId.parse("coreml:gpu"), None)
        assert model.name in caught.value.problems[0].found
    assert not list((tmp_path / "data" / "models").glob("*"))


class MockRuntime:
    """A mock of macOS's Core ML: it computes with the reference, and its plan says what the test tells it to."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *plan: str) -> None:
        from onnx.reference import ReferenceEvaluator

        self.reference = ReferenceEvaluator(str(models.detector(tmp_path / "reference.onnx")))
        self.units: list[str] = []
        kinds = {name: type(name, (), {})() for name in coreml._DEVICES}
        operations = [SimpleNamespace(operator_name=f"ios16.{name or 'const'}") for name in plan]
        usage = dict(zip(map(id, operations), plan, strict=True))
        structure = SimpleNamespace(
            program=SimpleNamespace(
                functions={"main": SimpleNamespace(block=SimpleNamespace(operations=operations))}
            )
        )
        self.plan = SimpleNamespace(
            model_structure=structure,
            get_compute_device_usage_for_mlprogram_operation=lambda operation: SimpleNamespace(
                preferred_compute_device=kinds[usage[id(operation)]]
            ),
        )
        ct = coreml.tools()
        monkeypatch.setattr(coreml.sys, "platform", "darwin")
        monkeypatch.setattr(coreml, "_compute_devices", lambda: frozenset(coreml._DEVICES))
        monkeypatch.setattr(ct.models, "MLModel", self._load)
        monkeypatch.setattr(
            ct.models.compute_plan.MLComputePlan, "load_from_path", lambda path, units: self.plan
        )

    def _load(self, path: str, compute_units: Any) -> SimpleNamespace:
        self.units.append(compute_units.name)
        return SimpleNamespace(predict=self._predict, get_compiled_model_path=lambda: f"{path}c")

    def _predict(self, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        (boxes,) = self.reference.run(None, given)
        return {"output0": boxes}


def load(text: str, model: Path) -> Session:
    (settled,) = registry.settle((DeviceId.parse(text),))
    return registry.backend("coreml").load(model, settled, registry.device_options(settled))


@needs_tools
@pytest.mark.parametrize(
    ("device", "units", "plan", "unit"),
    [
        (
            "coreml:ane",
            "CPU_AND_NE",
            ["MLNeuralEngineComputeDevice"] * 2 + ["MLCPUComputeDevice"],
            "ane + cpu",
        ),
        ("coreml:ane", "CPU_AND_NE", ["MLCPUComputeDevice"], "cpu"),
        ("coreml:gpu", "CPU_AND_GPU", ["MLGPUComputeDevice", ""], "gpu"),
        ("coreml:all", "ALL", [], "unknown"),
    ],
)
def test_the_plan_tells_the_unit_on_a_mock_of_core_ml(
    device: str, units: str, plan: list[str], unit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.backends import torch_models

    model = program(tmp_path)
    (settled,) = registry.settle((DeviceId.parse(device),))
    registry.backend("coreml").prepare(model, settled, None)
    mock = MockRuntime(tmp_path, monkeypatch, *plan)
    session = load(device, model)
    assert mock.units == [units] and session.unit == unit
    assert fell_back(device, session.unit) is (unit == "cpu")
    batch = torch_models.reference_batch()
    (wanted,) = mock.reference.run(None, {"image": batch})
    np.testing.assert_array_equal(session.infer(batch)[0], wanted)
    with pytest.raises(RunFailed, match="1 x 3 x 8 x 8"):
        session.infer(batch[:, :, :8, :8])
    session.close()
    session.close()


@needs_tools
def test_a_package_in_fp32_is_refused_by_the_neural_engine_on_a_mock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = package(program(tmp_path))
    MockRuntime(tmp_path, monkeypatch, "MLCPUComputeDevice")
    with pytest.raises(DeviceUnavailable, match="computes in fp32"):
        load("coreml:ane", made)
    assert load("coreml:cpu", made).unit == "cpu"


@pytest.mark.skipif(sys.platform != "darwin", reason="Core ML runs on macOS only")
@needs_tools
def test_a_package_runs_on_the_processor_of_a_mac(tmp_path: Path) -> None:
    from onnx.reference import ReferenceEvaluator

    from tests.backends import torch_models

    reference = ReferenceEvaluator(str(models.detector(tmp_path / "reference.onnx")))
    batch = torch_models.reference_batch()
    (wanted,) = reference.run(None, {"image": batch})
    session = load("coreml:cpu", package(program(tmp_path)))
    np.testing.assert_allclose(session.infer(batch)[0], wanted, rtol=1e-3, atol=2e-5)
