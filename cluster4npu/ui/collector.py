"""Python's full garbage collections, kept out of the way: each holds the window's thread up for about 0.1 s."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from cluster4npu.ui.main_window import MainWindow

_QUIET_MS = 2000


class Collector(QObject):
    """Collects when a pipeline has been opened, which takes its time anyway, and some time after a run has ended.

    What is alive then (200,000 objects, most of them modules) is frozen: later collections do not look at it, and so
    are too short to be noticed. The next one here looks at everything again, so that nothing is kept for ever.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._runs = window.runs
        self._timer = QTimer(self, singleShot=True, interval=_QUIET_MS)
        self._timer.timeout.connect(self.collect)
        window.files.opened.connect(lambda: self._timer.start(0))
        window.runs.busy_changed.connect(self._on_busy)
        window.closed.connect(self._end)
        self._timer.start()

    def collect(self) -> None:
        """Collect now, unless a run goes on: its end will be told."""
        self._timer.stop()
        if not self._runs.busy:
            gc.unfreeze()
            gc.collect()
            gc.freeze()

    def _end(self) -> None:
        """Give everything back: what is frozen when the program ends is not taken down in order."""
        self._timer.stop()
        gc.unfreeze()

    def _on_busy(self, busy: bool) -> None:
        if busy:
            self._timer.stop()
            gc.freeze()  # takes no time; what is garbage among it goes after the run
        else:
            self._timer.start(_QUIET_MS)
