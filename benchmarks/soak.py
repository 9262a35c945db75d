"""A million frames through two workers: what grows meanwhile, and what is left behind.

    python -m benchmarks.soak [--frames 1000000]

With every frame's stamps kept, as the window and the command line do. Memory and file descriptors of manager and
workers are looked at four times a second; growth is counted from when the ring of stamps is full. Left behind:
processes, and segments in shared memory.
"""

from __future__ import annotations

import argparse
import sys

import psutil

from benchmarks.common import machine, stamped_pipeline, tell, tell_at_most
from cluster4npu import Engine, RunOptions
from cluster4npu.core.engine import shm
from cluster4npu.core.engine.messages import MetricsUpdated

GROWTH_MB = 5.0
WARM = 0.3  # of the frames: by then the ring of stamps is full


def resources(pids: tuple[int, ...]) -> tuple[float, int]:
    """Return the memory of these processes that is theirs alone (MB) and their open file descriptors."""
    processes = [psutil.Process(pid) for pid in pids]
    own = sum(p.memory_full_info().uss for p in processes) / 1e6
    handles = sum(_handles(p) for p in processes)
    return own, handles


def _handles(process: psutil.Process) -> int:
    return int(getattr(process, "num_handles" if sys.platform == "win32" else "num_fds")())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=1_000_000)
    frames = parser.parse_args().frames
    print(f"# {machine()}; {frames} frames of 480 x 640, produced in the slot")
    before = set(shm.segments())
    first: tuple[float, int] | None = None
    last = (0.0, 0)
    with Engine(
        stamped_pipeline(480, 640), RunOptions(frames=frames, calibration="never", traces=True)
    ) as run:
        for event in run.events():
            if not isinstance(event, MetricsUpdated) or run.started is None:
                continue
            if event.snapshot.state == "running" and event.snapshot.frames_out >= WARM * frames:
                last = resources(run.started.processes)
                first = first or last
        summary = run.wait()
    assert first is not None, "the run was over before it could be looked at: take more frames"
    left = sum(psutil.pid_exists(pid) for pid in run.started.processes) if run.started else 0
    reached = [
        tell("frames delivered", summary.frames_out, frames, fps=round(summary.fps, 1)),
        tell_at_most("growth of memory in MB", last[0] - first[0], GROWTH_MB),
        tell_at_most("growth of file descriptors", last[1] - first[1], 0),
        tell_at_most("segments left behind", len(set(shm.segments()) - before), 0),
        tell_at_most("processes left behind", left, 0),
    ]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
