"""Every open window: each holds one pipeline, with its own run, its own undo and its own copy of unsaved edits."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QPoint

from cluster4npu.ui.collector import Collector
from cluster4npu.ui.main_window import IntegratedPipelineDashboard, MainWindow

_STEP = QPoint(36, 36)


class Windows(QObject):
    """Opens windows and remembers them in the order in which they were opened."""

    def __init__(self, store: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self.open_ones: list[MainWindow] = []

    def open(self, beside: MainWindow | None = None) -> MainWindow:
        """Show one more window on its start page, a little below the one `beside` it."""
        window = IntegratedPipelineDashboard(self._store, recover=not self.open_ones)
        Collector(window)
        window.window_wanted.connect(lambda: self.open(window))
        window.next_wanted.connect(lambda: self._next(window))
        window.closed.connect(lambda: self._forget(window))
        window.others = lambda: [other for other in self.open_ones if other is not window]
        if beside is not None:
            window.resize(beside.size())
            window.move(beside.pos() + _STEP)
        self.open_ones.append(window)
        window.show()
        return window

    def close_unasked(self) -> None:
        """Close all of them without a question: the program is asked to end from outside."""
        for window in list(self.open_ones):
            window.close_unasked()

    def _next(self, window: MainWindow) -> None:
        after = self.open_ones[(self.open_ones.index(window) + 1) % len(self.open_ones)]
        after.come_forward()

    def _forget(self, window: MainWindow) -> None:
        if window in self.open_ones:
            self.open_ones.remove(window)
            window.deleteLater()
