"""Doing one thing in a process of its own, that ends with it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any, TypeVar

from cluster4npu.core.engine.launch import PipeEnds, start_child
from cluster4npu.core.errors import Cancelled, Cluster4NPUError, Problem, RunFailed, one_line

T = TypeVar("T")
_LOOK_S = 0.1


def apart(work: Callable[..., T], *arguments: Any, limit_s: float, cancelled: Callable[[], bool]) -> T:
    """Return what `work` (of a module) returns, done in a spawned process; for the main thread.

    Raises its Cluster4NPUError; RunFailed where it raised anything else, ended or went over the limit; Cancelled.
    """
    child, (ours, to_it) = start_child(_main, (work, arguments), "cluster4npu-family")
    until = time.monotonic() + limit_s
    try:
        while not wait([ours, child.sentinel], _LOOK_S):
            if cancelled():
                raise Cancelled
            if time.monotonic() > until:
                raise _ended(f"it took longer than {limit_s:.0f} s")
        with contextlib.suppress(EOFError, OSError):
            answer: T | Cluster4NPUError = ours.recv()
            child.join(5.0)
            if isinstance(answer, Cluster4NPUError):
                raise answer
            return answer
        child.join(5.0)
        raise _ended(f"exit code {child.exitcode}")
    finally:
        if child.is_alive():
            child.kill()
            child.join(5.0)
        ours.close()
        to_it.close()


def _ended(found: str) -> RunFailed:
    return RunFailed(
        Problem(
            "the process that measures ended early",
            found=found,
            hint="Take a smaller batch or size, or free some memory.",
        )
    )


def _main(what: tuple[Callable[..., Any], tuple[Any, ...]], ends: PipeEnds) -> None:
    work, arguments = what
    answer: Any
    try:
        answer = work(*arguments)
    except Cluster4NPUError as error:
        answer = error
    except Exception as error:  # a runtime's own, of any kind: it becomes the reason of one cell
        answer = RunFailed(
            Problem("the device's runtime failed", found=f"{type(error).__name__}: {one_line(error)}")
        )
    with contextlib.suppress(OSError):  # nobody waits any more
        ends[1].send(answer)
    for end in ends:
        end.close()
