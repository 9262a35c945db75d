"""A machine at its limits: open files, memory, shared memory, disk. A run is refused, or ends with a clear error."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from cluster4npu.core.engine import resources, shm
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.errors import RunFailed
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.core.pipeline.plan import make_plan
from tests.core.nodes.media import make
from tests.distribution import Rounds, note, soak
from tests.sinks_in_children import FULL, needs_full, path_with

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
posix = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="macOS has no limit on address space")
FILES = (12, 30)
ALL_FILES = random.Random(10).sample(
    range(6, 90), 84
)  # mixed, so that a part of them is spread over the range
ALL_MEMORY = random.Random(10).sample(range(150, 3000, 25), 114)  # MB


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
    assert said == "ran 20" or said.startswith("refused"), done.stderr
    return said


@pytest.fixture
def two_devices(make_pipeline, tmp_path: Path) -> Path:
    """Return the file of a small pipeline on two devices."""
    make_pipeline("sim:a?ms=1", "sim:b?ms=1").save(tmp_path / "p.json")
    return tmp_path / "p.json"


@posix
@pytest.mark.parametrize("files", FILES)
def test_too_few_open_files(two_devices: Path, segments, files: int) -> None:
    before = segments()
    said = under("RLIMIT_NOFILE", files, two_devices, two_devices.parent)
    assert "internal" not in said and "broke" not in said
    assert segments() <= before


@linux
def test_too_little_memory(two_devices: Path, segments) -> None:
    before = segments()
    under("RLIMIT_AS", 400 * MB, two_devices, two_devices.parent)
    shm.sweep()
    assert segments() <= before


@posix
@pytest.mark.parametrize("times", [soak(len(ALL_FILES))])
def test_any_limit_of_open_files(two_devices: Path, segments, times: Rounds) -> None:
    said = []
    for number in times:
        said.append(under("RLIMIT_NOFILE", ALL_FILES[number], two_devices, two_devices.parent))
        assert "internal" not in said[-1] and "broke" not in said[-1], ALL_FILES[number]
    assert not segments()
    ran = said.count("ran 20")
    note(f"limits of open files from 6 to 89: {ran} ran, {len(said) - ran} refused with the reason", times)


@linux
@pytest.mark.parametrize("times", [soak(len(ALL_MEMORY))])
def test_any_limit_of_memory(two_devices: Path, segments, times: Rounds) -> None:
    said = [under("RLIMIT_AS", ALL_MEMORY[n] * MB, two_devices, two_devices.parent) for n in times]
    shm.sweep()
    assert not segments()
    ran = said.count("ran 20")
    note(f"limits of memory from 150 to 2975 MB: {ran} ran, {len(said) - ran} ended with the reason", times)


@needs_full
def test_a_disk_that_fills_up_ends_the_run_with_a_clear_error(make_pipeline, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", path_with(FULL, tmp_path))
    options = RunOptions(frames=3000, calibration="never", results_file=str(tmp_path / "r.jsonl"))
    with (
        Engine(make_pipeline("sim:a?ms=0"), options) as run,
        pytest.raises(RunFailed, match="no space is left") as caught,
    ):
        run.wait(60)
    assert caught.value.problems[0].field == "path"


def test_a_full_disk_is_refused_before_the_first_frame(tmp_path: Path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 100, 0))
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
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(64 * MB, 0, MB))
    from cluster4npu.core.engine.ring import Ring

    with pytest.raises(RunFailed, match="--shm-size"):
        Ring.create(8, MB, (64,))


def test_a_rate_that_memory_cannot_take_is_refused_before_the_start(make_pipeline):
    pipeline = make_pipeline("sim:a?ms=1", width=3840, height=2160)
    wanted = pipeline.replace(targets=Targets(fps=90_000))  # 2 TB/s
    with Engine(wanted, RunOptions(frames=5)) as run, pytest.raises(RunFailed, match="into memory") as caught:
        run.wait(60)
    (problem,) = caught.value.problems
    assert problem.field == "targets.fps" and "GB/s" in problem.allowed


def test_a_rate_that_memory_takes_is_not_refused():
    resources.check_bandwidth(None, [3840 * 2160 * 3])
    resources.check_bandwidth(60, [3840 * 2160 * 3] * 2)


MOUNT = 'mount -t tmpfs -o size={}m tmpfs /dev/shm && exec "$@"'


@linux
@pytest.mark.parametrize(("megabytes", "side", "runs"), [(1, 640, False), (64, 3840, False), (64, 320, True)])
def test_a_really_small_dev_shm_is_refused_or_holds_the_run(tmp_path: Path, megabytes, side, runs: bool):
    own = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount anything")
    command = [*own, "sh", "-c", MOUNT.format(megabytes), "-", sys.executable, "-m", "cluster4npu", "run"]
    command += ["simulated", "--devices", "sim:a?ms=1,sim:b?ms=1", "--frames", "100", "--no-store"]
    command += ["--set", f"source.width={side}", "--set", f"source.height={side * 9 // 16}"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=env)
    assert done.returncode == (0 if runs else 1), done.stderr  # a SIGBUS would be -7
    assert runs or ("not enough shared memory" in done.stderr and "--shm-size" in done.stderr)
