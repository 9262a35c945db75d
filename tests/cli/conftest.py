"""Runs the command line as its users do: in a process of its own, with a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster4npu.cli.main import main
from tests import shared_memory

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "cluster4npu"]


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the one object on stdout; fails when there is anything else."""
        return json.loads(self.out)

    @property
    def text(self) -> str:
        return self.out + self.err


Cli = Callable[..., Outcome]


@pytest.fixture
def cli_env(tmp_path: Path, nothing_left_in_shared_memory: None) -> dict[str, str]:
    """The environment of a command: the user's data folder is an empty one below `tmp_path`."""
    return {**os.environ, "CLUSTER4NPU_DATA": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def cli(tmp_path: Path, cli_env: dict[str, str]) -> Cli:
    """Run one command in `tmp_path` and return how it ended."""

    def run(*arguments: str | Path, timeout: float = 90) -> Outcome:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            cwd=tmp_path,
            env=cli_env,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        return Outcome(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    return run


@pytest.fixture
def cli_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run one command in this process: for what ends before a process or a database is opened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("cluster4npu.cli.main.raise_on_signals", lambda: None)

    def run(*arguments: str | Path) -> Outcome:
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def nothing_left_in_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail when a command leaves shared memory behind."""
    shared_memory.keep_apart(tmp_path / "own", monkeypatch)
    yield
    assert shared_memory.segments() == set()


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """A pipeline file that runs in a moment: generated frames on two fast simulated devices."""
    from cluster4npu.templates import PipelineTemplates

    config = PipelineTemplates.get("simulated", devices=["sim:fast?ms=2", "sim:slow?ms=4"])
    path = tmp_path / "quick.json"
    config.with_params("source", width=64, height=48).save(path)
    return path
