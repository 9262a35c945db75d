"""Workers stay off the manager's core for as long as they are told, and then go wherever they could before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster4npu.core.engine.placement import Apart

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="Linux with two cores"
)


def test_a_worker_stays_off_the_managers_core_until_the_end() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        allowed = os.sched_getaffinity(worker.pid)
        apart = Apart()
        apart.keep([worker.pid])
        assert len(os.sched_getaffinity(worker.pid)) == len(allowed) - 1
        apart.end()
        assert os.sched_getaffinity(worker.pid) == allowed
        worker.kill()


def test_a_process_that_is_gone_is_none_to_be_kept_apart() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not Path(f"/proc/{gone.pid}").exists()
    apart = Apart()
    apart.keep([gone.pid])
    apart.end()
