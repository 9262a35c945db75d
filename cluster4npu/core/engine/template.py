"""A process that others are copied of, where the system can: everything is imported in it, and it computes nothing.

Importing takes 0.4 s of a core, a copy 2 ms. Linux only: macOS's own libraries do not bear it, Windows cannot. Of all
threads a copy has only the one that made it, so nothing is imported here that keeps threads or a device, which every
vendor's runtime does; a template in which a thread is left after a first copy makes no other.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

import psutil

from cluster4npu.core.engine.launch import (
    PipeEnds,
    disable_plugins,
    do,
    leave_with_parent,
    make_pipes,
)
from cluster4npu.core.engine.signals import leave_signals_to_the_app

CAN_COPY = sys.platform.startswith("linux")
_ASKED = struct.Struct("<i")  # the number of a copy; what it shall do stands behind it
# Number and process id of a copy; minus its number and what it has ended with; two zeros: the template can be asked.
_TOLD = struct.Struct("<ii")
_CODE_S, _LOOK_S = 1.0, 0.02  # so long the exit code of a copy is waited for, unless the template is stopped
_MOST_ASKED = 32_000  # bytes
_KILLED = (
    -9
)  # what a copy is said to have ended with when its template is gone or stopped, and nobody can tell


def is_stopped(pid: int | None) -> bool:
    """Tell whether somebody has stopped a process (SIGSTOP, a debugger): it answers nothing then."""
    with contextlib.suppress(psutil.Error):
        stopped = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
        return pid is not None and psutil.Process(pid).status() in stopped
    return False


class Copy:
    """A copy of the template, with what the engine uses of `multiprocessing.Process`."""

    def __init__(self, template: Template, status: Connection) -> None:
        self._template, self._status = template, status
        self.told_code: int | None = None
        self._unwanted = False
        self.known_pid: int | None = None

    @property
    def pid(self) -> int | None:
        """Return its process id; None for the milliseconds until it tells, before anything else that it does."""
        if self.known_pid is None:
            self._template.hear()
            if self._unwanted:
                self.kill()
        return self.known_pid

    @property
    def sentinel(self) -> int:
        """Return what becomes readable when it has ended."""
        return self._status.fileno()

    @property
    def exitcode(self) -> int | None:
        if self.told_code is None and wait([self._status], 0):
            self._template.hear(self)
            if self.told_code is None:
                self.told_code = _KILLED
        return self.told_code

    def is_alive(self) -> bool:
        return self.exitcode is None

    def kill(self) -> None:
        """End it now; where its id is not known yet, as soon as that is asked for."""
        self._unwanted = self.known_pid is None
        if self.known_pid is not None and self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.known_pid, signal.SIGKILL)

    def join(self, timeout: float | None = None) -> None:
        if self._unwanted and self.pid is None:
            return
        wait([self._status], timeout)


class Template:
    """The process, seen from the one that started it. Nothing here waits for it, until it is closed."""

    def __init__(self, preload: Callable[[], None]) -> None:
        """Start it, and let it call `preload`. Raises OSError when the system has no room for a process."""
        self._copies: dict[int, Copy] = {}  # those that have not ended yet
        self._numbers = count(1)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ready = self._over = False
        try:
            self._socket.setblocking(False)
            self._process = get_context("spawn").Process(
                target=_be_template,
                args=(pickle.dumps(preload), theirs),
                name="cluster4npu-template",
                daemon=True,
            )
            self._process.start()
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Tell whether everything is imported in it and it can be copied."""
        if not self._ready:
            self.hear()
        return self._ready

    def is_importing(self) -> bool:
        """Tell whether it is not known yet if it can be copied; `handle` has something to read when it is."""
        return not self.is_ready and not self._over and self._process.is_alive()

    @property
    def handle(self) -> int:
        """Return what becomes readable when it has something to tell."""
        return self._socket.fileno()

    def is_gone(self) -> bool:
        """Tell whether it has ended: killed, or since it may not be copied."""
        return not self._process.is_alive()

    def hear(self, ended: Copy | None = None) -> None:
        """Take what it has told until now; of a copy that has ended wait a moment for its exit code."""
        until = time.monotonic() + _CODE_S
        with contextlib.suppress(OSError):
            while not self._over:
                while ended is not None and ended.told_code is None and time.monotonic() < until:
                    if wait([self._socket], _LOOK_S) or is_stopped(self.pid):
                        break
                if told := self._socket.recv(_TOLD.size):
                    self._take(*_TOLD.unpack(told))
                else:
                    self._over = True

    def _take(self, number: int, value: int) -> None:
        if number > 0:
            self._copies[number].known_pid = value
        elif number < 0:
            self._copies.pop(-number).told_code = value
        else:
            self._ready = True

    def copy(self, target: Callable[[Any, PipeEnds], None], what: object) -> tuple[Copy, PipeEnds]:
        """Have one made that calls `target(what, its ends of two pipes)`; return it and our ends.

        Raises OSError where it is gone, does not answer, or the system has no room.
        """
        number = next(self._numbers)
        data = _ASKED.pack(number) + pickle.dumps((target, what))
        if len(data) > _MOST_ASKED:
            raise OSError("more than can be asked for at once")
        ours, theirs = make_pipes()
        status, their_status = Pipe(duplex=False)
        try:
            handles = [end.fileno() for end in (*theirs, their_status)]
            socket.send_fds(self._socket, [data], handles)
        except OSError:
            for end in (*ours, status):
                end.close()
            raise
        finally:
            for end in (*theirs, their_status):
                end.close()
        copy = Copy(self, status)
        self._copies[number] = copy
        return copy, ours

    def close(self, timeout_s: float) -> None:
        """End it; it ends all copies that still live first, unless it is stopped or has been killed."""
        answers = self._ready and not is_stopped(self.pid)
        self._over = True
        self._socket.close()
        if answers:
            self._process.join(timeout_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(timeout_s)


def _be_template(preload: bytes, asked: socket.socket) -> None:
    """Be that process, until its parent closes the socket or has ended."""
    leave_signals_to_the_app()
    disable_plugins()
    pickle.loads(preload)()
    gc.collect()
    gc.freeze()  # so that no copy touches, and has to copy, the memory of what is there for good
    if _may_be_copied():
        asked.send(_TOLD.pack(0, 0))
        _Copier(asked).run()
    os._exit(0)


def _may_be_copied() -> bool:
    """Make a first copy, before which libraries that can do so let go of their threads, and see whether one is left."""
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        return len(list(Path("/proc/self/task").iterdir())) == 1
    return False  # nothing tells


class _Copier:
    """The template's loop: makes copies, and tells what each has ended with."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._number: dict[int, int] = {}  # of a copy, by its process id
        self._ended, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def run(self) -> None:
        """Go on until the other side is gone, and end all copies then.

        They watch their manager as well, but a driver can keep them from that, and nothing keeps the system from this.
        """
        while self._answer():
            pass
        for pid in self._number:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._number:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def _answer(self) -> bool:
        """Wait for what comes next and see to it; tell whether more can come."""
        ready, _, _ = select.select([self._asked.fileno(), self._ended], [], [])
        if self._ended in ready:
            os.read(self._ended, 4096)
            self._tell_of_ended()
        if self._asked.fileno() in ready:
            try:
                data, handles, _, _ = socket.recv_fds(self._asked, _MOST_ASKED, 3)
            except ConnectionResetError:  # gone without having heard all
                return False
            if not data:
                return False
            self._copy(data, *handles)
        return True

    def _copy(self, data: bytes, reader: int, writer: int, status: int) -> None:
        pid = os.fork()
        if pid:
            os.close(reader)
            os.close(writer)
            os.close(
                status
            )  # held by the copy alone: closed when it has ended, whatever became of the template
            self._number[pid] = _ASKED.unpack_from(data)[0]
            return
        try:
            leave_with_parent()
            (number,) = _ASKED.unpack_from(data)
            self._asked.send(_TOLD.pack(number, os.getpid()))
            self._let_go()
            ends = Connection(reader, writable=False), Connection(writer, readable=False)
            do(data[_ASKED.size :], ends)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def _let_go(self) -> None:
        """Close, in a copy, what is the template's."""
        import numpy as np

        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._asked.close()
        os.close(self._ended)
        os.close(self._wake)
        np.random.seed()  # else every copy would draw the same numbers

    def _tell_of_ended(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, code = ended
                told = _TOLD.pack(-self._number.pop(pid), os.waitstatus_to_exitcode(code))
                with contextlib.suppress(BrokenPipeError):
                    self._asked.send(told)
