"""PyTorch's own: pickles never run, programs need trust, ONNX and TorchScript agree through the whole engine."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from cluster4npu import Engine, PipelineConfig, RunOptions
from cluster4npu.backends import torch as torch_backend
from cluster4npu.backends.torch import _unit_of
from cluster4npu.backends.torch_programs import last_line, load_program, names_devices
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import DeviceInfo, Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model_file import read_model_file
from cluster4npu.core.devices.trust import trust_file
from cluster4npu.core.errors import DeviceUnavailable, InputError
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig
from cluster4npu.core.pipeline.plan import default_devices, make_plan
from tests.backends import models

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from tests.backends import torch_models  # noqa: E402 - needs PyTorch


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))


def load(model: Path, device: str = "torch:cpu") -> Session:
    (settled,) = registry.settle((DeviceId.parse(device),))
    return registry.backend("torch").load(model, settled, registry.device_options(settled))


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", ["module", "weights", "plain", "disguised"])
def test_a_pickle_is_refused_and_runs_nothing(form: str, tmp_path: Path) -> None:
    path, canary = tmp_path / "model.pt", tmp_path / "canary"
    if form == "module":
        torch.save(Canary(canary), path)
    elif form == "weights":
        torch.save({"w": torch.zeros(2), "x": Canary(canary)}, path)
    elif form == "plain":
        path.write_bytes(pickle.dumps(Canary(canary)))
    else:  # an archive that claims to be TorchScript, with a pickle in each place that it would look at
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for name in ("data.pkl", "constants.pkl", "traced_inputs.pkl"):
                archive.writestr(f"model/{name}", pickle.dumps(Canary(canary)))
            archive.writestr("model/code/__torch__.py", "")
            archive.writestr("model/version", "3\n")
    with pytest.raises(InputError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert problem.field == "model" and problem.hint
    if form != "disguised":
        assert "pickle" in problem.message and "torch.jit.save" in problem.hint
    assert not canary.exists()
    pickle.loads(pickle.dumps(Canary(canary)))  # the canary is alive
    assert canary.exists()


def test_an_exported_program_runs_once_it_is_trusted(tmp_path: Path) -> None:
    path = torch_models.exported_detector(
        tmp_path / "model.pt2", metadata={"names": '["a", "b", "c"]', "task": "detect"}
    )
    with pytest.raises(InputError, match="not trusted") as caught:
        load(path)
    line = caught.value.problems[0].hint.split("'")[1]
    trust_file().write_text(f"{'0' * 64} another\n\n{line}  mine\n", encoding="utf-8")
    session = load(path)
    assert session.info.input_shape == (1, 3, 64, 64) and session.info.output_shapes == ((1, 7, 64),)
    assert session.info.labels == ("a", "b", "c") and session.info.task == "detect"
    reference = ReferenceEvaluator(str(models.detector(tmp_path / "reference.onnx")))
    batch = torch_models.reference_batch()
    (wanted,) = reference.run(None, {"image": batch})
    np.testing.assert_allclose(session.infer(batch)[0], wanted, rtol=1e-3, atol=2e-5)
    path.write_bytes(path.read_bytes() + b"\0")  # another file: trusted no more
    with pytest.raises(InputError, match="not trusted"):
        load(path)


def test_a_model_that_reads_files_is_refused(tmp_path: Path) -> None:
    class Reader(torch.nn.Module):
        def forward(self, image):
            if image.mean() > 2:
                return image + torch.from_file("/etc/hostname", False, 1)
            return image

    with pytest.raises(InputError, match="reads or writes files"):
        load(torch_models.save_script(tmp_path / "model.pt", Reader()))


@pytest.mark.parametrize("module", [torch_models.Hiding, torch_models.Forking])
def test_reading_files_cannot_be_hidden(module, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be looked into"):
        load(torch_models.save_script(tmp_path / "model.pt", module()))


def test_what_an_ultralytics_export_tells_is_used(tmp_path: Path) -> None:
    config = {"imgsz": [64, 96], "names": {"0": "cat"}, "task": "detect", "batch": 1}
    path = torch_models.conv(
        tmp_path / "model.torchscript", batch="n", metadata={"config.txt": json.dumps(config)}
    )
    info = load(path).info
    assert info.input_size == (64, 96) and info.output_shapes == ((1, 4, 64, 96),) * 2
    assert info.labels == ("cat",) and info.task == "detect"


def test_the_threads_asked_for_are_used(tmp_path: Path) -> None:
    path = torch_models.conv(tmp_path / "model.pt")
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            load(path, f"torch:cpu?threads={threads}")
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def pipeline(model: Path, *devices: str) -> PipelineConfig:
    return PipelineConfig(
        name="parity",
        nodes=(
            NodeConfig(id="source", type="synthetic", params={"width": 96, "height": 64}),
            NodeConfig(id="preprocess", type="preprocess"),
            NodeConfig(
                id="inference", type="inference", params={"model": str(model), "devices": list(devices)}
            ),
            NodeConfig(id="count", type="count"),
        ),
        edges=(
            EdgeConfig(source="source.frame", target="preprocess.frame"),
            EdgeConfig(source="preprocess.tensor", target="inference.tensor"),
            EdgeConfig(source="inference.outputs", target="count.result"),
        ),
    )


def outputs(config: PipelineConfig) -> list[np.ndarray]:
    with Engine(config, RunOptions(frames=8, results=True)) as run:
        return [result.values["inference.outputs"].arrays[0] for result in run.results()]


def test_the_same_network_agrees_through_the_engine(tmp_path: Path) -> None:
    script = torch_models.detector(tmp_path / "model.pt")
    onnx = models.detector(tmp_path / "model.onnx")
    ours = outputs(pipeline(script, "torch:cpu", "torch:cpu#2"))
    wanted = outputs(pipeline(onnx, "onnx:cpu"))
    assert len(ours) == len(wanted) == 8
    for left, right in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-4)


def test_the_default_pool_is_made_of_devices_that_read_the_file(tmp_path: Path) -> None:
    assert all(d.startswith("torch:") for d in default_devices(Path("model.pt")))
    assert not any(d.startswith("torch:") for d in default_devices(Path("model.onnx")))
    script = torch_models.detector(tmp_path / "model.pt")
    assert "torch:cpu" in [member.id for member in make_plan(pipeline(script)).stage.pool]


def test_a_device_that_cannot_read_the_file_is_refused_before_anything_starts(tmp_path: Path) -> None:
    script = torch_models.detector(tmp_path / "model.pt")
    with pytest.raises(InputError, match="cannot run this model"):
        make_plan(pipeline(script, "onnx:cpu"))


def test_detection_is_quiet() -> None:
    code = "from cluster4npu.core.devices import registry; registry.devices_of(registry.backend('torch'))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_bfloat16_is_computed_where_the_processor_has_it(tmp_path: Path) -> None:
    (here,) = [d for d in registry.detect() if d.id == "torch:cpu"]
    script = torch_models.detector(tmp_path / "model.pt")
    for precision in ("bf16", "fp16"):
        if precision not in here.precisions:
            with pytest.raises(DeviceUnavailable, match="compute in fp32 and round"):
                load(script, f"torch:cpu?precision={precision}")
            continue
        batch = torch_models.reference_batch()
        plain = load(script).infer(batch)[0].copy()
        lowered = load(script, f"torch:cpu?precision={precision}").infer(batch)[0]
        assert lowered.dtype == np.float32
        error = np.sqrt(np.mean((lowered - plain) ** 2) / np.mean(plain**2))
        assert 0 < error < 0.02


def fake_torch(**parts: object) -> SimpleNamespace:
    """Return a mock of PyTorch on a machine with other cards, as far as listing devices asks."""
    nothing = SimpleNamespace(is_available=lambda: False, device_count=lambda: 0, _is_compiled=lambda: False)
    plain = {
        "version": SimpleNamespace(hip=None, cuda=None),
        "cuda": nothing,
        "xpu": nothing,
        "backends": SimpleNamespace(mps=nothing),
        "ops": torch.ops,
    }
    return SimpleNamespace(**{**plain, **parts})


def cards(*facts: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(
        is_available=lambda: True, device_count=lambda: len(facts), get_device_properties=facts.__getitem__
    )


def listed(monkeypatch: pytest.MonkeyPatch, fake: SimpleNamespace) -> dict[str, DeviceInfo]:
    monkeypatch.setattr(torch_backend, "_torch", lambda: fake)
    return {info.id: info for info in registry.backend("torch").devices()}


def test_cards_of_every_maker_are_listed_on_a_mock(monkeypatch: pytest.MonkeyPatch) -> None:
    turing = SimpleNamespace(name="Card T", total_memory=8 << 30, major=7, uuid="1-2")
    hopper = SimpleNamespace(name="Card H", total_memory=80 << 30, major=9, uuid="3-4")
    found = listed(monkeypatch, fake_torch(cuda=cards(turing, hopper)))
    assert found["torch:cuda:0"].precisions == ("fp32", "fp16")
    assert found["torch:cuda:1"].precisions == ("fp32", "fp16", "bf16")
    assert found["torch:cuda:1"].hardware_id == "GPU-3-4"
    amd = SimpleNamespace(name="Instinct", total_memory=1 << 34, major=9, uuid="5")
    version = SimpleNamespace(hip="6.4", cuda=None)
    found = listed(monkeypatch, fake_torch(version=version, cuda=cards(amd)))
    assert found["torch:cuda:0"].name == "Instinct (ROCm)" and not found["torch:cuda:0"].hardware_id
    arc = SimpleNamespace(name="Arc", total_memory=1 << 34, has_fp16=True, has_bfloat16_conversions=False)
    found = listed(monkeypatch, fake_torch(xpu=cards(arc)))
    assert found["torch:xpu:0"].available and found["torch:xpu:0"].precisions == ("fp32", "fp16")


def test_cards_that_are_not_here_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    found = listed(monkeypatch, fake_torch())
    assert not any(found[unit].available for unit in ("torch:cuda:0", "torch:xpu:0", "torch:mps"))
    if sys.platform != "darwin":
        assert "processor only" in found["torch:cuda:0"].reason and "macOS" in found["torch:mps"].reason
        built = fake_torch(version=SimpleNamespace(hip=None, cuda="13.0"))
        assert "nvidia-smi" in listed(monkeypatch, built)["torch:cuda:0"].reason


@pytest.fixture
def architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a package whose entry point brings a network; return its name."""
    site = tmp_path / "site"
    (site / "tiny_nets-1.dist-info").mkdir(parents=True)
    (site / "tiny_nets-1.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny-nets\nVersion: 1\n"
    )
    (site / "tiny_nets-1.dist-info/entry_points.txt").write_text(
        "[cluster4npu.architectures]\ntiny = tiny_nets:tiny\n"
    )
    (site / "tiny_nets.py").write_text(
        "import torch\n\ndef tiny(classes=3):\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, classes, 8), torch.nn.AdaptiveAvgPool2d(1),"
        " torch.nn.Flatten())\n"
    )
    monkeypatch.syspath_prepend(str(site))
    return "tiny"


def weights(path: Path, classes: int = 3, **told: object) -> Path:
    from safetensors.torch import save_file

    rng = torch.Generator().manual_seed(0)
    made = {
        "0.weight": torch.randn(classes, 3, 8, 8, generator=rng),
        "0.bias": torch.randn(classes, generator=rng),
    }
    header = {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}
    save_file(made, path, header or None)
    return path


def test_safetensors_run_in_the_network_that_they_name(architecture: str, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    told = {"architecture": architecture, "arguments": {"classes": 5}, "input_shape": [1, 3, 16, 16]}
    path = weights(tmp_path / "net.safetensors", 5, **told, names=list("abcde"), task="classify")
    session = load(path)
    assert session.info.input_shape == (1, 3, 16, 16) and session.info.output_shapes == ((1, 5),)
    assert session.info.labels == tuple("abcde") and session.info.task == "classify"
    beside = weights(tmp_path / "beside.safetensors", 5)
    (tmp_path / "beside.json").write_text(json.dumps(told), "utf-8")
    batch = np.random.default_rng(0).random((1, 3, 16, 16), np.float32)
    np.testing.assert_array_equal(load(beside).infer(batch)[0], session.infer(batch)[0])


def test_safetensors_that_cannot_be_run_say_why(architecture: str, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    path = tmp_path / "net.safetensors"
    wrong: list[tuple[dict[str, object], str]] = [
        ({}, "does not name their network"),
        ({"architecture": "tinny"}, "Did you mean 'tiny'"),
        ({"architecture": architecture, "arguments": {"classes": 4}}, "do not fit the network"),
        ({"architecture": architecture, "arguments": {"wings": 2}}, "cannot be made"),
        ({"architecture": architecture, "arguments": {"weights": "DEFAULT"}}, "would be downloaded"),
        ({"architecture": architecture, "input_shape": "big"}, "shape of the input"),
    ]
    for told, word in wrong:
        with pytest.raises(InputError, match=word) as caught:
            load(weights(path, **told))
        assert caught.value.problems[0].hint
    path.write_bytes(weights(path, architecture=architecture).read_bytes()[:-20])
    with pytest.raises(InputError, match="cannot be loaded"):
        load(path)
    path.write_bytes(pickle.dumps(Canary(tmp_path / "canary")))
    with pytest.raises(InputError, match="cannot be loaded"):
        load(path)
    assert not (tmp_path / "canary").exists()


def test_a_network_of_torchvision(tmp_path: Path) -> None:
    try:
        import torchvision
    except (ImportError, RuntimeError) as error:  # the latter from one that was built for another PyTorch
        pytest.skip(f"torchvision is not here: {error}")
    safetensors = pytest.importorskip("safetensors.torch")
    network = torchvision.models.squeezenet1_1(weights=None, num_classes=4)
    told = {
        "architecture": "torchvision:squeezenet1_1",
        "arguments": '{"num_classes": 4}',
        "input_shape": "[1, 3, 64, 64]",
    }
    path = tmp_path / "net.safetensors"
    safetensors.save_file(network.state_dict(), path, told)
    batch = np.zeros((1, 3, 64, 64), np.float32)
    with torch.inference_mode():
        wanted = network.eval()(torch.from_numpy(batch)).numpy()
    np.testing.assert_allclose(load(path).infer(batch)[0], wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["script", "export", "weights"])
def test_what_a_program_is_made_of(kind: str, architecture: str, tmp_path: Path) -> None:
    flops = 2 * 3 * 8 * 8 * 7 * 8 * 8  # a convolution of 8 x 8 in steps of 8, 7 channels of 64 px
    if kind == "script":
        cost = load(torch_models.detector(tmp_path / "net.pt")).cost()
        assert cost.operators["aten::_convolution"] == 1
    elif kind == "export":
        path = torch_models.exported_detector(tmp_path / "net.pt2")
        trust_file().parent.mkdir(parents=True, exist_ok=True)
        trust_file().write_text(read_model_file(path), encoding="utf-8")
        cost = load(path).cost()
        assert cost.operators["aten.conv2d.default"] == 1
    else:
        pytest.importorskip("safetensors")
        told = {"architecture": architecture, "input_shape": [1, 3, 8, 8]}
        cost = load(weights(tmp_path / "net.safetensors", 3, **told)).cost()
        assert cost.operators["Conv2d"] == 1 and cost.parameters == 3 * 3 * 8 * 8 + 3
        assert cost.flops == 2 * 3 * 8 * 8 * 3
        return
    assert cost.parameters == 7 * 3 * 8 * 8 and cost.flops == flops


def test_a_program_that_names_a_device_itself_is_unknown_on_another(tmp_path: Path) -> None:
    class Elsewhere(torch.nn.Module):
        def forward(self, image):
            return image.to("cpu").mean((2, 3))

    path = torch_models.save_script(tmp_path / "m.pt", Elsewhere(), torch.zeros(1, 3, 8, 8))
    program = load_program(path, torch, "cpu")
    assert names_devices(program.run, torch)
    assert (_unit_of(torch, "cpu", program), _unit_of(torch, "cuda:0", program)) == ("cpu", "unknown")
    plain = load_program(torch_models.conv(tmp_path / "n.pt"), torch, "cpu")
    assert _unit_of(torch, "cuda:0", plain) == "cuda:0"


def test_what_torchscript_says_is_told_without_its_traceback() -> None:
    error = RuntimeError(
        "The following operation failed.\nTraceback:\n  File x\nRuntimeError: out of memory\n"
    )
    assert last_line(error) == "RuntimeError: out of memory"
