"""Work that must not hold up the window: one thread per piece of work, its end told by a signal."""

from __future__ import annotations

import atexit
import contextlib
import logging
import threading
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal, SignalInstance, Slot

_log = logging.getLogger(__name__)

_AT_EXIT_S = 3.0  # for work that nobody waits for any more, such as a driver that is looked for

Report = Callable[[object], None]


class Background(QObject):
    """Runs `work(report)` once on a thread of its own.

    `progressed` carries whatever the work hands to `report`, `succeeded` what it returned, `failed` the
    exception that it raised; all three arrive on the thread that made this object. After `abandon` nothing
    arrives any more.
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    _reported = Signal(object)
    _landed = Signal(object, object)

    # Holds each object until its end has arrived: one that dies on its own thread takes Qt with it.
    _alive: set[Background] = set()  # noqa: RUF012 - shared on purpose

    def __init__(self, work: Callable[[Report], object], name: str) -> None:
        super().__init__()
        self._work = work
        self._wanted = True
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._reported.connect(self._pass_on, Qt.ConnectionType.QueuedConnection)
        self._landed.connect(self._land, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begin; returns at once."""
        Background._alive.add(self)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Tell whether the end has not arrived yet."""
        return self in Background._alive

    def abandon(self) -> None:
        """Forget the result: nothing is emitted from now on. The work itself goes on until it ends."""
        self._wanted = False

    @classmethod
    def wait_for_all(cls, timeout_s: float) -> bool:
        """Block until all work has ended, at most `timeout_s`; tell whether it has.

        Python cannot end while a library written in C++ computes on one of its threads: the process would abort.
        """
        until = time.monotonic() + timeout_s
        for item in list(cls._alive):
            item.wait(max(until - time.monotonic(), 0.0))
        ended = not any(item._thread.is_alive() for item in cls._alive)
        if not ended:
            _log.warning("something still works; it is left behind")
        return ended

    def wait(self, timeout_s: float) -> bool:
        """Block until the work has ended, at most `timeout_s`; tell whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            result = self._work(self._report)
        except Exception as error:  # the border of the thread: every error goes to the window, none is lost
            _log.debug("%s failed", self._thread.name, exc_info=True)
            self._tell(self._landed, None, error)
        else:
            self._tell(self._landed, result, None)

    def _report(self, news: object) -> None:
        self._tell(self._reported, news)

    def _tell(self, signal: SignalInstance, *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the program is ending: Qt has taken this object with it
            signal.emit(*values)

    @Slot(object)
    def _pass_on(self, news: object) -> None:
        if self._wanted:
            self.progressed.emit(news)

    @Slot(object, object)
    def _land(self, result: object, error: object) -> None:
        Background._alive.discard(self)
        if not self._wanted:
            return
        if error is not None:
            self.failed.emit(error)
        else:
            self.succeeded.emit(result)


atexit.register(Background.wait_for_all, _AT_EXIT_S)
