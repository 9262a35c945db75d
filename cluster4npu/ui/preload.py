"""Loads, on a thread, the modules of pages that were not opened yet, so that the first click on one does not wait."""

from __future__ import annotations

import importlib
import threading

_LATER = (
    "cluster4npu.ui.workspace",
    "cluster4npu.ui.history.history",
    "cluster4npu.ui.wizard.wizard",
    "cluster4npu.ui.dialogs.benchmark",
)


def preload() -> threading.Thread:
    """Begin to load; a page that is opened meanwhile waits for its own modules only. Makes no widget."""
    thread = threading.Thread(target=_load, name="preload", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    for name in _LATER:
        importlib.import_module(name)
