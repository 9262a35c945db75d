"""Nothing leaves the machine: the runtimes that report their use to their makers are told not to."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_runtimes_keep_no_account_of_their_use(tmp_path: Path) -> None:
    devices = "onnx:cpu,openvino:cpu" if importlib.util.find_spec("openvino") else "onnx:cpu"
    home = tmp_path / "home"
    home.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITHUB", "ORT_"))}
    env |= {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home), "PYTHONPATH": str(ROOT)}
    env |= {"CLUSTER4NPU_DATA": str(tmp_path / "data"), "XDG_CACHE_HOME": str(home / ".cache")}
    command = [sys.executable, "-m", "cluster4npu", "run", "example", "--frames", "4", "--no-store"]
    subprocess.run([*command, "--devices", devices], env=env, check=True, capture_output=True, timeout=90)
    assert [path.relative_to(home) for path in home.rglob("*") if path.is_file()] == []
