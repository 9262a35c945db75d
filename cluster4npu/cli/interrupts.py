"""Ctrl-C, SIGTERM and a closed terminal (Ctrl-Break on Windows): what a command asks whether it shall stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


def raise_on_signals() -> None:
    """Make every way of being asked to stop a KeyboardInterrupt, also where the shell had Ctrl-C ignored."""
    for number in SIGNALS:
        signal.signal(number, _raise)


class StopRequest:
    """While entered, the first signal only sets `requested`; a second one interrupts at once."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
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
    raise KeyboardInterrupt
