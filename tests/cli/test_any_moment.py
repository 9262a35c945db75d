"""Ctrl-C and SIGTERM at any moment of a run, and a clock that jumps: out soon, nothing left, nothing wrong."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.cli.test_interrupt import started
from tests.distribution import Rounds, note, short, show, soak

JUMPS = """
import os, pathlib, random, time
pathlib.Path(r"{folder}", f"jumping_{{os.getpid()}}").touch()
_true, _draw = time.time, random.Random(13)
time.time = lambda: _true() + _draw.choice((-3600, 0, 3600))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("seed", [15])
@pytest.mark.parametrize("times", [short(4), soak(500)])
def test_a_signal_at_any_moment(cli_env, quick: Path, tmp_path: Path, times: Rounds, seed: int) -> None:
    draw = random.Random(seed)
    out_s, codes = [], []
    for _ in times:
        arguments = ("run", str(quick), "--set", "source.frames=null", "--store", "s.duckdb", "--json")
        with started(cli_env, tmp_path, *arguments) as process:
            time.sleep(draw.uniform(0.2, 3.0))  # the fault is its moment
            children = psutil.Process(process.pid).children(recursive=True)
            asked = time.monotonic()
            send = draw.choice(
                [os.kill, os.killpg]
            )  # to the program alone, or to its workers too, as a terminal does
            number = draw.choice([signal.SIGINT, signal.SIGTERM])
            send(process.pid, number)
            out, err = process.communicate(timeout=60)
            out_s.append(time.monotonic() - asked)
        codes.append(process.returncode)
        if process.returncode == -number and not (out or err or children):
            continue  # on a busy machine Python had not come to our first line yet
        assert process.returncode == 130, err
        assert "Traceback" not in err
        told = json.loads(out)
        assert "run_id" in told or told.get("ok") is False or not told["frames_in"]
        assert psutil.wait_procs(children, timeout=5)[1] == []
    show("out after the signal", out_s, times)
    assert max(out_s) < 4  # 2 s, and room for a loaded machine


@pytest.mark.parametrize("times", [short(1), soak(500)])
def test_nothing_notices_a_clock_that_jumps_by_an_hour(
    cli, cli_env, quick: Path, tmp_path: Path, times: Rounds
) -> None:
    (tmp_path / "sitecustomize.py").write_text(JUMPS.format(folder=str(tmp_path)))
    cli_env["PYTHONPATH"] = os.pathsep.join((str(tmp_path), cli_env["PYTHONPATH"]))
    bounds = ("--seconds", "1.5", "--target-fps", "50", "--set", "source.frames=null")
    for _ in times:
        run = cli("run", quick, "--no-store", "--json", *bounds)
        told = run.json
        assert run.code == 0, run.err
        assert told["restarts"] == 0 == told["frames_failed"] and told["out_of_order"] == 0
        assert 40 <= told["frames_out"] <= 80  # 75, and room for a loaded machine
        assert 0 <= told["latency_ms"]["p50"] < 1000
    assert len(list(tmp_path.glob("jumping_*"))) >= 4  # the command, the manager and both workers
    note("the clock jumps by an hour: no restart, no failed frame, no negative latency", times)
