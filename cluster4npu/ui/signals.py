"""Ctrl-C, SIGTERM and SIGHUP close the window at once, also while nothing happens in it."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier, QTimer

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_LOOK_MS = 200


class SignalWatch(QObject):
    """Calls `close` on the window's thread when the program is asked to end; `code` is then 128 + the signal's number.

    Python runs its handlers only between its own instructions, and there are none while Qt waits for events. So
    a signal writes into a socket that wakes Qt; on Windows, where Qt cannot wait for one, a timer looks.
    """

    def __init__(self, close: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.code = 0
        self._close = close
        self._before = {}
        for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` asks for
                self._before[number] = signal.signal(number, self._come)
        if sys.platform == "win32":
            self._timer = QTimer(self)
            self._timer.timeout.connect(lambda: None)  # an instruction of Python, that is all
            self._timer.start(_LOOK_MS)
            return
        self._ear, self._mouth = socket.socketpair()
        for end in (self._ear, self._mouth):
            end.setblocking(False)
        self._fd_before = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._ear.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._wake)

    def end(self) -> None:
        """Leave signals as they were before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if sys.platform != "win32":
            self._notifier.setEnabled(False)
            signal.set_wakeup_fd(self._fd_before)
            self._ear.close()
            self._mouth.close()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(64)

    def _come(self, number: int, _frame: FrameType | None) -> None:
        self.code = 128 + number
        QTimer.singleShot(0, self, self._close)
