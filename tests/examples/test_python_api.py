"""The examples of the Python API, as a user starts them, and what the API promises about results."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cluster4npu import Engine, Pipeline, RunOptions
from cluster4npu.core.errors import InputError
from cluster4npu.core.settings import assets_dir

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = Path(assets_dir()) / "example.json"


def run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=EXAMPLES.parent,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_results_are_read_in_order_with_their_names() -> None:
    told = run("read_results.py", "--devices", "onnx:cpu")
    assert re.match(r"270 frames at [\d.]+ frames/s, \{'onnx:cpu': 270\}", told)
    assert [line.split(":")[0] for line in told.splitlines()[1:]] == list("0123456789")


def test_sets_of_devices_are_measured_on_one_engine() -> None:
    told = run("compare_devices.py", "--seconds", "1", "--devices", "sim:a?ms=20,sim:b?ms=20").splitlines()
    assert len(told) == 3
    assert all(line.endswith("frames/s (SIMULATED)") for line in told)


def test_results_must_have_been_asked_for() -> None:
    with (
        Engine(Pipeline.open(EXAMPLE), RunOptions(frames=3)) as going,
        pytest.raises(InputError, match="results"),
    ):
        going.results()
