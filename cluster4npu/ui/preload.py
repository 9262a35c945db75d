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


class Preload:
    """Loads from `start` on; a page that is opened meanwhile waits for its own modules only. Makes no widget."""

    def __init__(self) -> None:
        self._thread = threading.Thread(target=self._load, name="preload", daemon=True)
        self._ended = False

    @property
    def busy(self) -> bool:
        """Tell whether something is being loaded."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to load; call it once."""
        self._thread.start()

    def end(self) -> None:
        """Load nothing more, and wait for what is being loaded: Python cannot end in the midst of it."""
        self._ended = True
        if self._thread.is_alive():
            self._thread.join()

    def _load(self) -> None:
        for name in _LATER:
            if not self._ended:
                importlib.import_module(name)
