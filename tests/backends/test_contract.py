"""What every backend promises, checked on every device that is here; results against ONNX's own reference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import DeviceUnavailable, InputError, RunFailed
from tests.backends import models

BACKENDS = sorted(registry.backends())
DETECTED = registry.detect()
DEVICES = [info.id for info in DETECTED if info.available]
REAL = [info.id for info in DETECTED if info.available and not info.simulated]

PYTORCH = ("torch:", "coreml:")  # backends that read PyTorch's files
MODELS = {"conv": (1, 3, 16, 24), "detector": (1, 3, 64, 64), "classifier": (1, 3, 20, 30)}


def maker(device: str) -> ModuleType:
    """Return the module that makes the tiny models in the format that this device's backend reads."""
    if device.startswith(PYTORCH):
        pytest.importorskip(
            "torch", reason="PyTorch, which makes the models of this backend, is not installed"
        )
        from tests.backends import torch_models

        return torch_models
    return models


def model_path(device: str, folder: Path) -> Path:
    return folder / ("model.pt" if device.startswith(PYTORCH) else "model.onnx")


def skip_for_core_ml(device: str, takes: str) -> None:
    if device.startswith("coreml:"):
        pytest.skip(f"Core ML's packages take {takes}")


def load(device: str, model: Path | None) -> Session:
    (settled,) = registry.settle((DeviceId.parse(device),))
    return registry.backend(settled.backend).load(model, settled, registry.device_options(settled))


def batch_of(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.mark.parametrize("key", BACKENDS)
def test_devices_are_well_formed(key: str) -> None:
    backend = registry.backend(key)
    found = backend.devices()
    assert found, "a backend without devices tells why in an unavailable one"
    assert len({info.id for info in found}) == len(found)
    for info in found:
        device = DeviceId.parse(info.id)
        assert str(device) == info.id == device.device
        assert device.backend == info.backend == key
        assert info.kind in {"cpu", "gpu", "npu", "ane"}
        assert info.name
        assert info.available or info.reason
        assert info.available or (info.cause and info.remedy in info.reason), info
        assert info.simulated is backend.simulated
        assert info.health.utilization is None or 0 <= info.health.utilization <= 1


def test_importing_backends_loads_no_runtime() -> None:
    code = (
        "import sys; from cluster4npu.core.devices import registry; registry.backends();"
        "print([m for m in ('onnxruntime', 'openvino', 'torch', 'cv2', 'PySide6') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("device", DEVICES)
def test_settling_writes_options_out_that_can_be_read_again(device: str) -> None:
    pool = tuple(DeviceId.parse(text) for text in (device, f"{device}#2"))
    settled = registry.settle(pool)
    assert [d.replica for d in settled] == [1, 2]
    assert [d.device for d in settled] == [device, device]
    assert registry.settle(settled) == settled
    for one in settled:
        registry.device_options(one)
        assert DeviceId.parse(str(one)) == one


@pytest.mark.parametrize("device", [d for d in REAL if d.endswith(":cpu")])
def test_workers_on_the_processor_share_its_cores(device: str) -> None:
    def threads(count: int) -> int:
        pool = tuple(DeviceId.parse(f"{device}#{n + 1}") for n in range(count))
        return int(dict(registry.settle(pool)[0].options)["threads"])

    alone = threads(1)
    assert alone >= 1
    assert threads(2) == max(1, alone // 2)
    assert threads(900) == max(1, alone // 900)
    given = DeviceId.parse(f"{device}?threads=3")
    assert registry.settle((given, given)) == (given, given)


@pytest.mark.parametrize("device", DEVICES)
def test_unknown_option_is_refused_by_name(device: str) -> None:
    with pytest.raises(InputError, match="wings"):
        registry.device_options(DeviceId.parse(f"{device}?wings=2"))


@pytest.mark.parametrize("device", DEVICES)
def test_the_model_that_does_nothing(device: str) -> None:
    session = load(device, None)
    assert session.needs_input is False
    assert session.info.input_size == (320, 320)
    assert session.infer(np.empty((0, 0), np.float32)) == []
    session.close()
    session.close()


@pytest.mark.parametrize("device", REAL)
@pytest.mark.parametrize("name", MODELS)
def test_results_agree_with_the_reference(device: str, name: str, tmp_path: Path) -> None:
    if name == "classifier":
        skip_for_core_ml(device, "a fixed size")
    path = getattr(maker(device), name)(model_path(device, tmp_path))
    close = {"rtol": 2e-2, "atol": 2e-2} if device == "coreml:ane" else {"rtol": 1e-3, "atol": 2e-5}
    reference = ReferenceEvaluator(str(getattr(models, name)(tmp_path / "reference.onnx")))
    session = load(device, path)
    assert session.unit != "unknown"
    for seed in range(3):
        batch = batch_of(MODELS[name], seed)
        outputs = session.infer(batch)
        expected = reference.run(None, {"image": batch})
        assert len(outputs) == len(expected)
        for output, wanted in zip(outputs, expected, strict=True):
            assert output.dtype == wanted.dtype
            np.testing.assert_allclose(output, wanted, **close)
    session.close()


@pytest.mark.parametrize("device", REAL)
def test_the_same_batch_gives_the_same_bytes(device: str, tmp_path: Path) -> None:
    session = load(device, maker(device).conv(model_path(device, tmp_path)))
    first, second = batch_of((1, 3, 16, 24)), batch_of((1, 3, 16, 24), seed=1)
    before = [output.copy() for output in session.infer(first)]
    other = [output.copy() for output in session.infer(second)]
    again = session.infer(first.copy())
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, again, strict=True))
    assert any(a.tobytes() != b.tobytes() for a, b in zip(before, other, strict=True))
    first *= 2  # the same memory, other pixels
    np.testing.assert_allclose(session.infer(first)[0], before[0] * 2, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("device", REAL)
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_other_input_types(device: str, dtype: str, tmp_path: Path) -> None:
    if dtype != "float32":
        skip_for_core_ml(device, "float32")
    session = load(device, maker(device).typed(model_path(device, tmp_path), dtype))
    assert session.info.input_dtype == dtype
    batch = (batch_of((1, 3, 8, 8)) * 200).astype(dtype)
    (means,) = session.infer(batch)
    np.testing.assert_allclose(means.reshape(3), batch.astype(np.float64).mean(axis=(0, 2, 3)), rtol=2e-3)


@pytest.mark.parametrize("device", REAL)
def test_what_a_model_tells(device: str, tmp_path: Path) -> None:
    names = {"names": "{0: 'cat', 1: 'dog', 2: 'tree'}", "task": "detect"}
    path = maker(device).detector(model_path(device, tmp_path), metadata=names)
    info = load(device, path).info
    assert info.labels == ("cat", "dog", "tree")
    assert info.task == "detect"
    assert info.input_shape == (1, 3, 64, 64)
    assert info.output_shapes == ((1, 7, 64),)
    assert info.output_names == (("output0",) if device.startswith(PYTORCH) else ("boxes",))
    assert info.input_dtype == "float32"
    assert len(info.sha256) == 64
    skip_for_core_ml(device, "a fixed size")
    open_path = model_path(device, tmp_path).with_stem("open")
    open_size = load(device, maker(device).classifier(open_path)).info
    assert open_size.input_shape[0] in (1, None)
    assert open_size.input_shape[1:] == (3, None, None)
    assert open_size.input_size is None
    assert open_size.labels == ()


@pytest.mark.parametrize("device", REAL)
def test_a_dynamic_batch_is_run_with_one_image(device: str, tmp_path: Path) -> None:
    skip_for_core_ml(device, "a fixed batch")
    session = load(device, maker(device).conv(model_path(device, tmp_path), batch="n"))
    assert session.info.input_shape[0] is None
    batch = batch_of((1, 3, 16, 24))
    path = models.conv(tmp_path / "reference.onnx", batch="n")
    expected = ReferenceEvaluator(str(path)).run(None, {"image": batch})
    np.testing.assert_allclose(session.infer(batch)[0], expected[0], rtol=1e-3, atol=2e-5)


def _truncated(path: Path, make: ModuleType) -> Path:
    make.detector(path)
    path.write_bytes(path.read_bytes()[:300])
    return path


def _garbage(path: Path, make: ModuleType) -> Path:
    path.write_bytes(b"this is no model " * 100)
    return path


def _empty(path: Path, make: ModuleType) -> Path:
    path.write_bytes(b"")
    return path


def _folder(path: Path, make: ModuleType) -> Path:
    path.mkdir()
    return path


def _text(path: Path, make: ModuleType) -> Path:
    if make is not models or path.suffix != ".onnx":
        pytest.skip("only ONNX models give texts")
    return models.text_output(path)


WRONG = {
    "truncated": _truncated,
    "garbage": _garbage,
    "empty": _empty,
    "missing": lambda path, make: path,
    "folder": _folder,
    "two inputs": lambda path, make: make.two_inputs(path),
    "no image": lambda path, make: make.vector_input(path),
    "text output": _text,
    "fixed batch": lambda path, make: make.conv(path, batch=2),
}


@pytest.mark.parametrize("device", REAL)
@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_model_is_refused_with_a_remedy(device: str, kind: str, tmp_path: Path) -> None:
    path = WRONG[kind](model_path(device, tmp_path), maker(device))
    with pytest.raises(InputError) as caught:
        load(device, path)
    assert not isinstance(caught.value, DeviceUnavailable)
    (problem,) = caught.value.problems
    assert problem.field == "model"
    assert path.name in problem.found
    assert problem.hint


@pytest.mark.parametrize("device", REAL)
def test_one_image_by_its_name(device: str, tmp_path: Path) -> None:
    session = load(device, maker(device).conv(model_path(device, tmp_path)))
    batch = batch_of((1, 3, 16, 24))
    (tensor,) = session.info.takes
    before = [output.copy() for output in session.infer(batch)]
    named = session.infer_named({tensor.name: batch})
    assert [a.tobytes() for a in before] == [b.tobytes() for b in named]
    with pytest.raises(RunFailed, match="wings"):
        session.infer_named({"wings": batch})


@pytest.mark.parametrize("device", REAL)
def test_several_inputs_by_name(device: str, tmp_path: Path) -> None:
    (settled,) = registry.settle((DeviceId.parse(device),))
    backend, options = registry.backend(settled.backend), registry.device_options(settled)
    path = maker(device).two_inputs(model_path(device, tmp_path))
    if ".onnx" not in backend.suffixes:
        with pytest.raises(InputError):  # one image only, as `load` says
            backend.load_named(path, settled, options)
        return
    session = backend.load_named(path, settled, options)
    assert [(t.name, t.shape, t.dtype) for t in session.info.takes] == [
        (name, (1, 3, 8, 8), "float32") for name in ("left", "right")
    ]
    left, right = batch_of((1, 3, 8, 8)), batch_of((1, 3, 8, 8), seed=1)
    for wrong in (
        {"left": left},
        {"left": left, "right": right[:, :, :4]},
        {"left": left, "right": right > 0},
    ):
        with pytest.raises(RunFailed):
            session.infer_named(wrong)
    np.testing.assert_allclose(
        session.infer_named({"right": right, "left": left})[0], left + right, rtol=1e-6
    )
    info, _ = backend.look_named(path) or (None, None)
    assert info is not None and info.takes == session.info.takes
    session.close()


@pytest.mark.parametrize("device", [d for d in REAL if not d.startswith(PYTORCH)])
def test_weights_beside_the_model(device: str, tmp_path: Path) -> None:
    whole = models.conv(tmp_path / "whole.onnx")
    split = models.conv(
        tmp_path / "split.onnx",
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location="w.bin",
        size_threshold=0,
    )
    batch = batch_of((1, 3, 16, 24))
    expected = load(device, whole).infer(batch)[0].copy()
    session = load(device, split)
    np.testing.assert_array_equal(session.infer(batch)[0], expected)
    (tmp_path / "w.bin").write_bytes(bytes(len((tmp_path / "w.bin").read_bytes())))
    assert load(device, split).info.sha256 != session.info.sha256  # the weights count for the digest
    (tmp_path / "w.bin").rename(tmp_path / "elsewhere.bin")
    with pytest.raises(InputError, match=r"w\.bin"):
        load(device, split)


@pytest.mark.parametrize("device", [d for d in REAL if not d.startswith(PYTORCH)])
def test_an_operator_that_a_device_lacks(device: str, tmp_path: Path) -> None:
    with pytest.raises(DeviceUnavailable, match="operator") as caught:
        load(device, models.custom_operator(tmp_path / "m.onnx"))
    (problem,) = caught.value.problems
    assert "Warp" in problem.found and device in problem.message and problem.hint


@pytest.mark.parametrize("device", REAL)
def test_a_batch_that_does_not_fit_is_a_failure_and_the_session_lives(device: str, tmp_path: Path) -> None:
    session = load(device, maker(device).conv(model_path(device, tmp_path)))
    good = batch_of((1, 3, 16, 24))
    before = session.infer(good)[0].copy()
    for wrong in (batch_of((1, 3, 8, 8)), good.astype(np.float64)):
        with pytest.raises(RunFailed):
            session.infer(wrong)
    assert session.infer(good)[0].tobytes() == before.tobytes()
    session.close()
    session.close()


@pytest.mark.parametrize(
    ("key", "module", "units"),
    [
        ("onnx", "onnxruntime", ["onnx:cpu"]),
        ("openvino", "openvino", ["openvino:cpu", "openvino:gpu", "openvino:npu"]),
        ("torch", "torch", ["torch:cpu", "torch:cuda:0", "torch:xpu:0", "torch:mps"]),
        ("coreml", "coremltools", ["coreml:all", "coreml:ane", "coreml:gpu", "coreml:cpu"]),
    ],
)
def test_a_runtime_that_is_missing_is_told_and_breaks_nothing(
    key: str, module: str, units: list[str]
) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from cluster4npu.core.devices import registry\n"
        "from cluster4npu.core.devices.ids import DeviceId\n"
        "from cluster4npu.core.errors import DeviceUnavailable\n"
        f"found = registry.devices_of(registry.backend({key!r}))\n"
        "assert found and not any(d.available for d in found) and all(d.reason for d in found), found\n"
        f"assert {{d.id for d in found}} >= set({units!r}), found\n"
        "device = DeviceId.parse(found[0].id)\n"
        "try:\n    registry.backend(device.backend).load(None, device, registry.device_options(device))\n"
        "except DeviceUnavailable as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert f"'{key}:" in result.stdout


@pytest.mark.parametrize("key", [key for key in BACKENDS if key != "sim"])
def test_a_device_that_is_not_here(key: str) -> None:
    device = DeviceId.parse(f"{key}:warp9")
    with pytest.raises(DeviceUnavailable) as caught:
        registry.backend(key).load(None, device, registry.device_options(device))
    assert caught.value.problems[0].hint
