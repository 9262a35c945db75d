"""Garbage is collected by the window's thread alone.

Python collects in whichever thread happens to make the next object. What it then frees may be a painter, an item of a
scene or a widget that formed a cycle, and Qt's objects must be deleted in the thread that made them: a thread that
reads the store would end the program with a segmentation fault. So automatic collection is off in a program with a
window, and a timer of the window's thread asks as often as matters whether one is due.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QCoreApplication, QTimer

_NAME = "garbage"
_EVERY_MS = 250


def collect_here(app: QCoreApplication) -> None:
    """Let the thread of this application collect from now on, and no other; a second call changes nothing."""
    gc.disable()
    if app.findChild(QTimer, _NAME) is None:
        timer = QTimer(app, interval=_EVERY_MS)
        timer.setObjectName(_NAME)
        timer.timeout.connect(collect_due)
        timer.start()


def collect_due() -> None:
    """Collect the oldest generation for which Python's own thresholds say that it is time."""
    for generation, (count, threshold) in reversed(
        list(enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)))
    ):
        if count > threshold > 0:
            gc.collect(generation)
            return
