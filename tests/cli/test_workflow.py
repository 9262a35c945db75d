"""The ready workflow, step by step on this machine: benchmark, mark, keep by commit, and fail on a regression."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster4npu.core.store import Store

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/benchmark.yml"

# The program with a profile of a few seconds that counts as long enough.
PROGRAM = """#!{python}
import sys
from dataclasses import dataclass
from cluster4npu.core.bench import options

@dataclass(frozen=True, slots=True)
class Conforming(options.Profile):
    @property
    def conforms(self):
        return True

options.PROFILES["standard"] = Conforming(
    "standard", "Short", leg_s=0.4, pairs=3, ramp_s=0.1, survey_s=0.2, warm_up_s=0.2, warm_up_window_s=0.1,
    warm_up_limit_s=0.4, windows=3,
)
if __name__ == "__main__":
    from cluster4npu.cli.main import main
    sys.exit(main())
"""


def steps() -> dict[str, str]:
    """Return the commands of the workflow's named steps."""
    found = re.findall(
        r"^      - name: (.+)\n(?:        if: .+\n)?        run: \|\n((?: {10}.*\n)+)",
        WORKFLOW.read_text(),
        re.M,
    )
    return {name: re.sub(r"(?m)^ {10}", "", commands) for name, commands in found}


def run(name: str, folder: Path, commit: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "CLUSTER4NPU_DATA": str(folder / "data"),
        "PIPELINE": str(folder / "pipeline.json"),
        "PROFILE": "standard",
        "FAIL_BELOW": "0.95",
        "GITHUB_SHA": commit,
    }
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", steps()[name]],
        cwd=folder, env=env, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def as_fast_again(store: Store) -> str:
    """Store the last run once more, twice as fast, and mark it: beside it the same work is a regression."""
    record = store.run(store.runs()[0].id)
    segments = []
    for segment in store.segments(record.id):
        samples = segment.samples.copy()
        for name in samples.dtype.names:
            if name.endswith("_ns"):
                samples[name] //= 2
        halves = {
            name: None if (value := getattr(segment, name)) is None else value // 2
            for name in ("measure_from_ns", "measure_to_ns")
        }
        segments.append(dataclasses.replace(segment, samples=samples, **halves))
    faster = dataclasses.replace(record, id="", segments=tuple(segments), valid=True, invalid_reason="")
    return store.mark_baseline(store.save(faster))


@pytest.mark.skipif(shutil.which("bash") is None, reason="the workflow's steps are bash")
def test_the_workflow_on_this_machine(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "cluster4npu"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    made = subprocess.run(
        [str(program), "templates", "new", "simulated", "-o", str(tmp_path / "pipeline.json"),
         "--devices", "sim:a?ms=4"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    first = run("Benchmark", tmp_path, "c1")
    assert first.returncode == 0, first.stderr
    marked = run("Mark the baseline", tmp_path, "c1")
    assert marked.returncode == 0 or "INVALID" in marked.stderr
    store = Store(tmp_path / "results/results.duckdb")
    as_fast_again(store)
    second = run("Benchmark", tmp_path, "c2")
    told = json.loads((tmp_path / "results/benchmark.json").read_text())
    assert second.returncode == 1, second.stderr
    assert told["comparison"]["passed"] is False
    assert told["comparison"]["ratio"] == pytest.approx(0.5, rel=0.3) or not told["valid"]
    kept = run("Keep", tmp_path, "c2")
    assert kept.returncode == 0, kept.stderr
    assert len(Store(tmp_path / "results/c2.duckdb").runs()) == 3
    assert "SIMULATED" in (tmp_path / "results/report.html").read_text()


def test_the_steps_are_all_there() -> None:
    assert set(steps()) == {"Install", "Benchmark", "Mark the baseline", "Keep"}
    assert "db baseline last" in steps()["Mark the baseline"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="the workflow's steps are bash")
def test_a_run_without_a_past_is_the_first_of_its_kind(tmp_path: Path) -> None:
    """Whatever was stored before: what cannot be compared is measured, kept, and fails nothing."""
    program = tmp_path / "bin" / "cluster4npu"
    program.parent.mkdir()
    program.write_text(
        """#!/bin/sh
echo "$*" >> asked
case "$*" in *--against*) echo '{"error": [{"message": "there is no earlier run to compare with"}]}'; exit 2;; esac
echo '{}'
"""
    )
    program.chmod(0o755)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/results.duckdb").touch()
    done = run("Benchmark", tmp_path, "c3")
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    assert ["--against" in line for line in asked] == [True, False]
