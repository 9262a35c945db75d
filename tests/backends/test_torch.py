"""PyTorch's own: pickles never run, programs need trust, ONNX and TorchScript agree through the whole engine."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from cluster4npu import Engine, PipelineConfig, RunOptions
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.trust import trust_file
from cluster4npu.core.errors import InputError
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
    code = "from cluster4npu.core.devices import registry; registry.detect()"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
