"""Shared memory: made whole or refused, shared by name, and swept only when its owner is dead."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time

import psutil
import pytest

from cluster4npu.core.engine import shm
from cluster4npu.core.errors import RunFailed


def test_what_one_mapping_writes_the_other_reads():
    block = shm.create("test", 8192)
    try:
        other = shm.attach(block.name, 8192)
        block.memory[4000:4005] = b"hello"
        assert other.memory[4000:4005] == b"hello"
        assert len(block.name) + 1 <= 30  # macOS allows no longer names
    finally:
        block.unlink()
    block.unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows frees a segment with its last handle")
def test_unlinked_memory_cannot_be_attached_again():
    block = shm.create("test", 4096)
    block.unlink()
    with pytest.raises(RunFailed):
        shm.attach(block.name, 4096)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs posix_fallocate")
def test_full_memory_is_refused_and_nothing_is_left(monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RunFailed) as caught:
        shm.create("test", 4096)
    assert "not enough shared memory" in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows frees a segment with its last handle")
def test_sweep_removes_a_dead_owners_segment_and_spares_ours():
    ours = shm.create("test", 4096)
    code = "import os; from cluster4npu.core.engine import shm; print(shm.create('dead', 4096).name); os._exit(1)"
    name = subprocess.run(
        [sys.executable, "-u", "-c", code], capture_output=True, text=True, check=False
    ).stdout.strip()
    try:
        assert name in shm.sweep()
        with pytest.raises(RunFailed):
            shm.attach(name, 4096)
        assert shm.attach(ours.name, 4096).size == 4096
    finally:
        ours.unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows frees a segment with its last handle")
def test_a_start_after_the_clock_has_jumped_spares_a_live_run(monkeypatch):
    code = "import sys; from cluster4npu.core.engine import shm; b = shm.create('live', 4096); print(b.name); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-u", "-c", code], **pipes) as live:
        name = live.stdout.readline().strip()
        # What the kernel tells of a process's start moves with the clock.
        monkeypatch.setattr(psutil.Process, "create_time", lambda self: time.time() + 3600)
        monkeypatch.setattr(time, "time", lambda now=time.time: now() - 7200)
        assert name not in shm.sweep()
        assert shm.attach(name, 4096).size == 4096
        live.kill()
    assert name in shm.sweep()
