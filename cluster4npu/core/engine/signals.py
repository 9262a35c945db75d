"""The engine's processes do not listen to the terminal: the app does, and tells them what it means."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from multiprocessing import resource_tracker

_TO_THE_GROUP = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


def leave_signals_to_the_app() -> None:
    """Ignore what a terminal, `timeout` or a service manager sends to the whole group of processes."""
    for name in _TO_THE_GROUP:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Hold those signals back while a process is started: it inherits that, until it ignores them by itself.

    A signal that comes meanwhile reaches this process right afterwards. Windows has nothing of the kind, and needs
    none: there a child is started without its parent's handlers anyway.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # The first process of all comes with multiprocessing's tracker, whose start lets these signals through again.
    resource_tracker.ensure_running()
    held = {getattr(signal, name) for name in _TO_THE_GROUP if hasattr(signal, name)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
