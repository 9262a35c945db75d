"""How the engine starts its processes: each leaves with whoever started it before it imports anything large.

What a process shall do comes to it pickled twice, so that nothing of it is imported before its first line is reached:
importing takes half a second, in which its parent may be killed.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol

from cluster4npu.core.engine.signals import leave_signals_to_the_app

_PR_SET_PDEATHSIG = 1
PipeEnds = tuple[Connection, Connection]  # what one side of a pipe pair reads from, and what it writes to


class Child(Protocol):
    """A process that was started here, as `multiprocessing` shows it."""

    @property
    def pid(self) -> int | None: ...

    @property
    def sentinel(self) -> int: ...

    @property
    def exitcode(self) -> int | None: ...

    def is_alive(self) -> bool: ...

    def kill(self) -> None: ...

    def join(self, timeout: float | None = None) -> None: ...


def make_pipes() -> tuple[PipeEnds, PipeEnds]:
    """Return the ends of two pipes, one each way: a socket both ways takes three times as long for a record."""
    inwards, theirs_out = Pipe(duplex=False)
    try:
        theirs_in, outwards = Pipe(duplex=False)
    except BaseException:
        inwards.close()
        theirs_out.close()
        raise
    return (inwards, outwards), (theirs_in, theirs_out)


def start_child(
    target: Callable[[Any, PipeEnds], None], what: object, name: str
) -> tuple[SpawnProcess, PipeEnds]:
    """Start a daemon process that calls `target(what, its ends of two pipes)`; return it and our ends.

    To be called by the main thread. Raises OSError when the system has no room for a process.
    """
    ours, theirs = make_pipes()
    try:
        data = pickle.dumps((target, what))
        process = get_context("spawn").Process(target=_begin, args=(data, theirs), name=name, daemon=True)
        process.start()
    except BaseException:
        _close(ours)
        raise
    finally:
        _close(theirs)
    return process, ours


def _close(ends: PipeEnds) -> None:
    for end in ends:
        end.close()


def _begin(data: bytes, ends: PipeEnds) -> None:
    """Be such a process."""
    leave_signals_to_the_app()
    leave_with_parent()
    parent = parent_process()
    if parent is not None and parent.pid is not None:
        be_killed_with(parent.pid)
    disable_plugins()
    do(data, ends)


def disable_plugins() -> None:
    """Keep pydantic from looking through every installed package."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def do(data: bytes, ends: PipeEnds) -> None:
    """Do what a process was started for, and end it."""
    target, what = pickle.loads(data)
    target(what, ends)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(0)  # taking apart what was imported would take longer than the rest of the end


def leave_with_parent(grace_s: float = 0.0) -> None:
    """End this process `grace_s` after its parent has ended, however that happened."""
    parent = parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        time.sleep(grace_s)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def be_killed_with(parent: int) -> None:
    """Have the system end this process with its parent, where it can: also when a driver lets no other thread run.

    Linux sends the signal when the parent's thread that started this process ends: its main thread.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before that
        os._exit(1)
