"""Ctrl-C, SIGTERM and a closed terminal (Ctrl-Break on Windows): what a command asks whether it shall stop."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
_AGAIN_S = 0.01
_came = threading.Event()


def raise_on_signals() -> None:
    """Make every way of being asked to stop a KeyboardInterrupt, also where the shell had Ctrl-C ignored.

    One that comes where Python can only print it and go on (in a destructor, or while it lets go of a module's lock) is
    raised again a moment later.
    """
    _came.clear()
    for number in SIGNALS:
        signal.signal(number, _raise)
    before = sys.unraisablehook

    def hook(found: sys.UnraisableHookArgs) -> None:
        if found.exc_type is KeyboardInterrupt:
            again = threading.Timer(_AGAIN_S, _thread.interrupt_main)
            again.daemon = True
            again.start()
        else:
            before(found)

    sys.unraisablehook = hook


def has_come() -> bool:
    """Tell whether a KeyboardInterrupt was raised, whatever was made of it; not for what a StopRequest took."""
    return _came.is_set()


class StopRequest:
    """While entered, the first signal only sets `requested`; a second one interrupts at once."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        """Raises KeyboardInterrupt where a signal has come before that somebody took for an error of his own."""
        if has_come():
            raise KeyboardInterrupt
        self._before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until a signal came, at most this long; tell whether one did."""
        return self._event.wait(timeout_s)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._event.is_set():
            raise KeyboardInterrupt
        self._event.set()


def _raise(number: int, frame: FrameType | None) -> None:
    _came.set()
    raise KeyboardInterrupt
