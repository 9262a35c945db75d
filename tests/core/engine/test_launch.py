"""A process of the engine ends with the one that started it, whatever either of them is doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.core.engine.test_bad_frames_and_devices import has_ended

PARENT = """
import os, sys, time
from cluster4npu.core.engine.launch import start_child
from tests.core.engine.test_launch import {target}
if __name__ == "__main__":
    child, ends = start_child({target}, "data", "cluster4npu-test")
    print(child.pid, ends[0].recv(), flush=True)
    time.sleep(60)
"""


def busy(what, ends) -> None:
    ends[1].send(what)
    time.sleep(60)


def stopped(what, ends) -> None:
    ends[1].send(what)
    os.kill(os.getpid(), signal.SIGSTOP)


def quick(what, ends) -> None:
    ends[1].send(what)


@pytest.fixture
def parent(tmp_path):
    """Return a starter of processes that have a child; they are killed at the end."""
    started = []

    def start(target: str) -> tuple[subprocess.Popen[str], psutil.Process]:
        script = tmp_path / "parent.py"
        script.write_text(PARENT.format(target=target))
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=env)
        started.append(process)
        pid, what = process.stdout.readline().split()
        assert what == "data"
        return process, psutil.Process(int(pid))

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "target",
    [
        "busy",
        pytest.param(
            "stopped", marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux can do that")
        ),
    ],
)
def test_a_child_ends_with_its_parent(parent, target: str):
    process, child = parent(target)
    if target == "stopped":  # none of its own threads runs any more
        while child.status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)
    killed = time.monotonic()
    process.kill()
    while not has_ended(child) and time.monotonic() - killed < 10:
        time.sleep(0.001)
    assert time.monotonic() - killed < 2  # 20 ms, and room for a loaded machine


def test_a_child_that_is_done_ends_while_its_parent_lives(parent):
    process, child = parent("quick")
    while not has_ended(child):
        time.sleep(0.001)
    assert process.poll() is None
