"""A machine at its limits: open files, memory, shared memory, disk. A run is refused, or ends with a clear error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from cluster4npu.core.engine import resources, shm
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.errors import RunFailed
from cluster4npu.core.pipeline.plan import make_plan
from tests.core.nodes.media import make

SCRIPT = """
import resource, sys
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.errors import Cluster4NPUError
from cluster4npu.core.pipeline.config import PipelineConfig

if __name__ == "__main__":
    config = PipelineConfig.open(sys.argv[1])
    value = int(sys.argv[3])
    resource.setrlimit(getattr(resource, sys.argv[2]), (value, value))
    try:
        with Engine(config, RunOptions(frames=20, calibration="never")) as run:
            print("ran", run.wait(60).frames_out)
    except Cluster4NPUError as error:
        print("refused", " ".join(str(error).split()))
"""
MB = 2**20
FILES = [12, 30, *(pytest.param(n, marks=pytest.mark.soak) for n in range(6, 90, 2))]
MEMORY = [400 * MB, *(pytest.param(n * MB, marks=pytest.mark.soak) for n in range(150, 3000, 50))]


def under(limit: str, value: int, config: Path, folder: Path) -> str:
    """Run a small pipeline under a limit in a process of its own; return what it said, or how it died."""
    script = folder / "limited.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, config, limit, str(value)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    said = done.stdout.strip()
    assert done.returncode >= 0, f"ended by signal {-done.returncode}"  # no SIGBUS, no SIGSEGV
    print(f"{limit} {value}: {said or done.stderr.strip().splitlines()[-1:]}")
    return said


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("files", FILES)
def test_too_few_open_files(make_pipeline, tmp_path: Path, segments, files: int) -> None:
    before = segments()
    make_pipeline("sim:a?ms=1", "sim:b?ms=1").save(tmp_path / "p.json")
    said = under("RLIMIT_NOFILE", files, tmp_path / "p.json", tmp_path)
    assert said == "ran 20" or (said.startswith("refused") and "internal" not in said and "broke" not in said)
    assert segments() <= before


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no limit on address space")
@pytest.mark.parametrize("room", MEMORY)
def test_too_little_memory(make_pipeline, tmp_path: Path, segments, room: int) -> None:
    before = segments()
    make_pipeline("sim:a?ms=1").save(tmp_path / "p.json")
    said = under("RLIMIT_AS", room, tmp_path / "p.json", tmp_path)
    assert said == "ran 20" or said.startswith("refused")
    shm.sweep()
    assert segments() <= before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is the full disk")
def test_a_disk_that_fills_up_ends_the_run_with_a_clear_error(make_pipeline):
    options = RunOptions(frames=3000, calibration="never", results_file="/dev/full")
    with (
        Engine(make_pipeline("sim:a?ms=0"), options) as run,
        pytest.raises(RunFailed, match="No space left") as caught,
    ):
        run.wait(30)
    assert caught.value.problems[0].field == "path"


def test_a_full_disk_is_refused_before_the_first_frame(tmp_path: Path, monkeypatch):
    usage = namedtuple("usage", "total used free percent")
    monkeypatch.setattr(psutil, "disk_usage", lambda path: usage(100, 100, 0, 100.0))
    (problem,) = make("jsonl", path=str(tmp_path / "r.jsonl")).problems()
    assert "full" in problem.message and problem.field == "path"


def test_models_that_do_not_fit_into_memory_are_refused(make_pipeline, tmp_path: Path, monkeypatch):
    model = tmp_path / "big.onnx"
    model.write_bytes(b"")
    os.truncate(model, 2**40)  # a sparse terabyte
    plan = make_plan(make_pipeline("onnx:cpu", model=str(model)))
    with pytest.raises(RunFailed, match="not enough memory"):
        resources.check_room(plan, spares=False)


def test_a_small_dev_shm_is_refused_with_the_remedy(monkeypatch):
    usage = namedtuple("usage", "total used free percent")
    monkeypatch.setattr(psutil, "disk_usage", lambda path: usage(64 * MB, 0, MB, 0.0))
    from cluster4npu.core.engine.ring import Ring

    with pytest.raises(RunFailed, match="--shm-size"):
        Ring.create(8, MB, (64,))
