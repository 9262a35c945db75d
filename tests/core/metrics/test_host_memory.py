"""The memory of a run's processes: what one takes is seen, and what all share counts once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.metrics.meter import HostMeter

MB = 1_000_000
HOLD = """
import sys
import numpy as np
area = np.memmap(sys.argv[1], np.uint8, "r+")
print(int(area.sum()), flush=True)
sys.stdin.readline()
block = np.ones(200_000_000, np.uint8)
print("taken", flush=True)
sys.stdin.readline()
"""


def held(pids: list[int]) -> int:
    meter = HostMeter()
    meter.update(pids)
    assert meter.memory_bytes is not None and meter.peak_bytes == meter.memory_bytes
    return meter.memory_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells shared memory apart")
def test_shared_memory_counts_once_and_200_mb_of_its_own_are_200_mb(tmp_path: Path) -> None:
    area = tmp_path / "ring"
    np.ones(300 * MB, np.uint8).tofile(area)
    command = [sys.executable, "-c", HOLD, str(area)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    holders = [subprocess.Popen(command, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    try:
        for holder in holders:
            assert int(holder.stdout.readline()) == 300 * MB
        before = held([holder.pid for holder in holders])
        assert 300 * MB < before < 450 * MB  # one such area, and two Pythons
        holders[0].stdin.write("\n")
        holders[0].stdin.flush()
        assert holders[0].stdout.readline().strip() == "taken"
        assert abs(held([holder.pid for holder in holders]) - before - 200 * MB) <= 10 * MB
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()
