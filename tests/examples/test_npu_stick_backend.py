"""The example of a third party's backend: installed as its README says, found, run, and equal to onnx:cpu."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "npu_stick_backend"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's package in a folder of its own, built and installed by pip without a network."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "--target", str(target), str(EXAMPLE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture
def env(installed: Path, tmp_path: Path) -> dict[str, str]:
    path = os.pathsep.join((str(ROOT), str(installed)))
    locks = tmp_path / "locks"
    locks.mkdir()
    own = {"PYTHONPATH": path, "CLUSTER4NPU_DATA": str(tmp_path / "data")}
    return {**os.environ, **own, "TMPDIR": str(locks), "TEMP": str(locks), "TMP": str(locks)}


def call(env: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cluster4npu", *map(str, arguments)]
    return subprocess.run(
        command, env=env, cwd=env["TMPDIR"], capture_output=True, text=True, encoding="utf-8", check=False
    )


def listed(env: dict[str, str]) -> dict[str, dict[str, object]]:
    done = call(env, "devices", "--json")
    assert done.returncode == 0, done.stderr
    return {device["id"]: device for device in json.loads(done.stdout)}


def boxes(env: dict[str, str], device: str, folder: Path) -> list[dict[str, object]]:
    path = folder / f"{device.replace(':', '-')}.jsonl"
    done = call(env, "run", "example", "--devices", device, "--frames", 12, "--results", path, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames_out"] == 12
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [result for line in lines for result in line.get("results", [])]


def test_it_is_listed(env: dict[str, str]) -> None:
    stick = listed({**env, "NPU_STICKS": "2"})
    assert stick["stick:0"]["available"] and stick["stick:1"]["available"]
    assert stick["stick:0"]["kind"] == "npu" and not stick["stick:0"]["simulated"]


@pytest.mark.parametrize("sticks", ["0", "many"])
def test_no_stick_is_told(env: dict[str, str], sticks: str) -> None:
    stick = listed({**env, "NPU_STICKS": sticks})["stick:0"]
    assert not stick["available"] and "stick" in str(stick["reason"]).lower()


def test_it_detects_what_onnx_detects(env: dict[str, str], tmp_path: Path) -> None:
    ours, reference = boxes(env, "stick:0", tmp_path), boxes(env, "onnx:cpu", tmp_path)
    assert len(ours) == len(reference) > 0
    for box, wanted in zip(ours, reference, strict=True):
        assert (box["class"], box["label"]) == (wanted["class"], wanted["label"])
        assert box["score"] == pytest.approx(wanted["score"], abs=1e-3)
        assert box["box"] == pytest.approx(wanted["box"], abs=0.1)


def test_the_driver_keeps_its_promises(env: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "drive.py"
    script.write_text(_DRIVE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["same", "busy", "refused", "twice", "corrupt", "free"]


_DRIVE = """
import subprocess, sys
from pathlib import Path
import numpy as np
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import DeviceUnavailable, InputError, RunFailed
from cluster4npu.core.settings import assets_dir

def load(text, model):
    (device,) = registry.settle((DeviceId.parse(text),))
    return registry.backend(device.backend).load(model, device, registry.device_options(device))

model = assets_dir() / "digits_detector.onnx"
stick, reference = load("stick:0", model), load("onnx:cpu", model)
batch = np.random.default_rng(1).random((1, 3, *stick.info.input_size), np.float32)
for ours, theirs in zip(stick.infer(batch), reference.infer(batch), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)
assert stick.info.labels == reference.info.labels
print("same")
code = "from npu_stick.driver import Stick; Stick(0)"
other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
assert "in use" in other.stderr, other.stderr
print("busy")
try:
    stick.infer(batch[:, :, :8])
except RunFailed:
    stick.infer(batch)
    print("refused")
try:
    registry.settle(tuple(DeviceId.parse(text) for text in ("stick:0", "stick:0#2")))
except DeviceUnavailable:
    print("twice")
stick.close(), stick.close()
broken = Path(__file__).with_name("broken.onnx")
broken.write_bytes(b"no model" * 99)
try:
    load("stick:0", broken)
except InputError as error:
    assert not isinstance(error, DeviceUnavailable), error
    print("corrupt")
done = subprocess.run([sys.executable, "-c", code + ".close()"])
print("free" if done.returncode == 0 else "still locked")
"""


def _package(folder: Path, name: str, source: str) -> None:
    (folder / f"{name}_backend.py").write_text(source, encoding="utf-8")
    info = folder / f"{name}_backend-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-backend\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[cluster4npu.backends]\n{name} = {name}_backend:Mine\n")


BROKEN = {
    "raises": "raise OSError('libwarp.so.3: cannot open')\n",
    "leaves": "import sys\nsys.exit('no licence')\n",
    "wrong": "class Mine:\n    pass\n",
    "taken": "from cluster4npu.backends.onnx import OnnxBackend as Mine\n",
    "crashes": "import os\nos.abort()\n",
    "late": (
        "from cluster4npu.core.devices.backend import Backend\n"
        "class Mine(Backend):\n    key = 'late'\n    title = 'Late'\n"
        "    def devices(self):\n        raise RuntimeError('driver too old')\n"
        "    def load(self, model, device, options):\n        raise NotImplementedError\n"
    ),
}
REASONS = {
    "raises": "libwarp.so.3",
    "leaves": "no licence",
    "wrong": "no Backend",
    "taken": "'onnx' belongs to",
    "crashes": "ended the process",
    "late": "driver too old",
}


def test_broken_backends_are_listed_with_their_reason(env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    for name, source in BROKEN.items():
        _package(folder, name, source)
    env = {**env, "PYTHONPATH": os.pathsep.join((env["PYTHONPATH"], str(folder)))}
    devices = listed(env)
    assert devices["onnx:cpu"]["available"] and devices["stick:0"]["available"]
    for name, reason in REASONS.items():
        device = devices[f"{name}:unknown"]
        assert not device["available"] and reason in str(device["reason"]), device
    for_people = call(env, "devices")
    assert for_people.returncode == 0 and "libwarp.so.3" in for_people.stdout
    for name in ("raises", "late"):
        done = call(env, "run", "example", "--devices", f"{name}:0", "--frames", 2)
        assert done.returncode == 2 and REASONS[name] in done.stderr, done.stderr
