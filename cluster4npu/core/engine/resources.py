"""What the system has to have room for before a run starts: open files, memory; and how its absence is told."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from cluster4npu.core.devices.model_package import model_bytes
from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.pipeline.plan import ExecutionPlan

_FILES_OF_A_RUN, _FILES_OF_A_WORKER = (
    24,
    6,
)  # pipes, sentinels, shared memory; the same again for a warm spare
_SURELY_WRITTEN = 1e9  # bytes a second: any machine that runs this writes as much
_SAMPLE_BYTES = 128 << 20  # more than caches hold
_EXHAUSTED = {
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files in the whole system",
    errno.ENOMEM: "not enough memory",
    errno.EAGAIN: "too many processes, or not enough memory for another",
    errno.ENOSPC: "no space left on the disk",
}


def check_room(plan: ExecutionPlan, *, spares: bool) -> None:
    """Raise RunFailed where this machine cannot hold the run; widens the limit on open files where it may.

    Shared memory is checked when the frame ring is made, and the disk by the sinks.
    """
    workers = sum(len(stage.pool) for stage in plan.stages) * (2 if spares else 1)
    _check_files(_FILES_OF_A_RUN + workers * _FILES_OF_A_WORKER)
    models = [m.model or stage.model for stage in plan.stages for m in stage.pool if not m.simulated]
    _check_memory(sum(_bytes_of(model) for model in models) * (2 if spares else 1))


def check_bandwidth(fps: float | None, frame_bytes: Sequence[int]) -> None:
    """Raise RunFailed where the frames a second that are wanted at least are more than memory takes.

    `frame_bytes` are those of each source's frames; each source has one thread that writes each byte once.
    """
    needed = (fps or 0.0) * sum(frame_bytes) / len(frame_bytes)
    if needed <= _SURELY_WRITTEN:
        return
    room = _written_a_second() * min(len(frame_bytes), os.cpu_count() or 1)
    if needed > room:
        raise RunFailed(
            Problem(
                "frames cannot be written into memory as often as the pipeline's target wants",
                field="targets.fps",
                found=f"{fps:g} frames/s, {needed / 1e9:.1f} GB/s",
                allowed=f"{room / 1e9:.1f} GB/s on this machine",
                hint="Lower the target, or use smaller frames.",
            )
        )


def _written_a_second() -> float:
    """Return how many bytes a second one thread writes: the best of three, over memory that it has touched."""
    sample = np.zeros(_SAMPLE_BYTES, np.uint8)
    times = []
    for value in range(3):
        begun = time.perf_counter()
        sample.fill(value + 1)
        times.append(time.perf_counter() - begun)
    return _SAMPLE_BYTES / max(min(times), 1e-9)


def _check_files(needed: int) -> None:
    if sys.platform == "win32":
        return  # has no such limit
    import resource

    free_from = psutil.Process().num_fds()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft - free_from >= needed:
        return
    if hard == resource.RLIM_INFINITY or hard - free_from >= needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (free_from + needed, hard))
        return
    raise RunFailed(
        Problem(
            "too few files may be open for this run",
            field="devices",
            found=f"a limit of {hard}, of which {free_from} are open",
            allowed=f"room for {needed} more",
            hint="Raise the limit (ulimit -n), or use fewer devices.",
        )
    )


def _check_memory(needed: int) -> None:
    room = psutil.virtual_memory().available
    if needed > room:
        raise RunFailed(
            Problem(
                "there is not enough memory for the model on every device",
                field="devices",
                found=f"{room // 2**20} MiB free",
                allowed=f"{needed // 2**20} MiB for the weights alone",
                hint="Use fewer devices or a smaller model, or close other programs.",
            )
        )


def _bytes_of(model: Path | None) -> int:
    return model_bytes(model) if model is not None else 0


def exhausted(error: BaseException) -> RunFailed | None:
    """Return the error to tell when `error` says that the system has no more of something; None for another."""
    reason = ""
    if isinstance(error, MemoryError):
        reason = _EXHAUSTED[errno.ENOMEM]
    elif isinstance(error, OSError) and error.errno in _EXHAUSTED:
        reason = _EXHAUSTED[error.errno]
    elif isinstance(error, RuntimeError) and "start new thread" in str(error):
        reason = _EXHAUSTED[errno.EAGAIN]
    if not reason:
        return None
    return RunFailed(
        Problem(
            "this machine has no room for the run",
            found=reason,
            hint="Close other programs, use fewer devices or smaller frames, or raise the limits (ulimit -a).",
        )
    )
