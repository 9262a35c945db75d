"""Ctrl-C: a clean stop, the summary of what was done, exit code 130, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

COMMAND = [sys.executable, "-m", "cluster4npu"]
WINDOWS = os.name == "nt"
SIGNALS = [signal.CTRL_BREAK_EVENT] if WINDOWS else [signal.SIGINT, signal.SIGTERM]  # type: ignore[attr-defined,unused-ignore]


@contextmanager
def started(env: dict[str, str], folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command in a process group of its own, as a terminal does."""
    flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if WINDOWS else {"start_new_session": True}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=env,
        cwd=folder,
        **flags,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def await_line(process: subprocess.Popen[str], start: str) -> str:
    """Read stderr up to the line that begins so."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(start):
            return line
    raise AssertionError(f"no line began with {start!r}")


@pytest.mark.parametrize("whole_group", [False, True], ids=["process", "group"])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_run_is_stopped_cleanly(
    cli_env, quick: Path, tmp_path: Path, number: int, whole_group: bool
) -> None:
    if WINDOWS and whole_group:
        pytest.skip("on Windows Ctrl-Break always goes to the whole group")
    arguments = ("run", str(quick), "--set", "source.frames=null", "--store", "s.duckdb", "--json")
    with started(cli_env, tmp_path, *arguments) as process:
        await_line(process, "Running on")
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        if whole_group and not WINDOWS:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    summary = json.loads(out)
    assert (
        summary["frames_in"] == summary["frames_out"] + summary["frames_dropped"] + summary["frames_failed"]
    )
    assert summary["run_id"] and (tmp_path / "s.duckdb").exists()
    assert "Traceback" not in err
    assert psutil.wait_procs(children, timeout=5)[1] == []


def test_a_benchmark_is_cancelled_and_not_stored(cli_env, tmp_path: Path) -> None:
    arguments = (
        "benchmark",
        "simulated",
        "--devices",
        "sim:a?ms=5,sim:b?ms=5",
        "--store",
        "s.duckdb",
        "--json",
    )
    with started(cli_env, tmp_path, *arguments) as process:
        children: list[psutil.Process] = []
        while not children and process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(SIGNALS[0])
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert json.loads(out)["ok"] is False
    assert "Traceback" not in err
    assert psutil.wait_procs(children, timeout=5)[1] == []


@pytest.mark.skipif(WINDOWS, reason="ends by a signal on POSIX only")
def test_ctrl_c_while_a_class_is_being_made_ends_with_130_and_not_by_the_signal() -> None:
    code = """if True:
        import sys
        import cluster4npu.cli.main
        from cluster4npu.__main__ import main

        cluster4npu.cli.main.main = lambda: exec("raise KeyboardInterrupt")
        sys.exit(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (130, "Stopped.\n")


@pytest.mark.skipif(WINDOWS, reason="sends itself a POSIX signal")
@pytest.mark.parametrize(
    "where", ["class A:\n  def __del__(self): stop()\nA()", "try: stop()\nexcept BaseException: pass"]
)
def test_ctrl_c_that_somebody_swallows_is_heard_all_the_same(where: str) -> None:
    code = f"""
import os, signal, time
from cluster4npu.cli.interrupts import StopRequest, raise_on_signals
def stop():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1)
raise_on_signals()
try:
    exec({where!r})
    with StopRequest() as asked:
        asked.wait(20)
except KeyboardInterrupt:
    print("heard")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("heard\n", "")
