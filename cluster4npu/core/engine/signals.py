"""The engine's processes do not listen to the terminal: the app does, and tells them what it means."""

from __future__ import annotations

import signal

_TO_THE_GROUP = ("SIGINT", "SIGTERM", "SIGBREAK")


def leave_signals_to_the_app() -> None:
    """Ignore what a terminal, `timeout` or a service manager sends to the whole group of processes."""
    for name in _TO_THE_GROUP:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
