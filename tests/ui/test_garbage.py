"""What Qt made is freed by the thread of the window, whichever thread makes the objects."""

from __future__ import annotations

import gc
import threading

from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from cluster4npu.ui.app import make_application
from cluster4npu.ui.garbage import collect_due


class Knot:
    """A cycle that tells which thread took it apart."""

    def __init__(self, freed_by: list[int]) -> None:
        self.itself, self._freed_by = self, freed_by

    def __del__(self) -> None:
        self._freed_by.append(threading.get_ident())


def test_a_thread_that_makes_many_objects_frees_nothing_of_the_windows(qtbot: QtBot) -> None:
    app = make_application()
    assert make_application() is app  # and collects no oftener
    assert len(app.findChildren(QTimer, "garbage")) == 1
    freed_by: list[int] = []
    Knot(freed_by)
    kept: list[list[int]] = []
    thread = threading.Thread(target=lambda: kept.extend([] for _ in range(200_000)))
    thread.start()
    thread.join()
    assert freed_by == []
    qtbot.waitUntil(lambda: bool(freed_by), timeout=20_000)  # the window's own timer
    assert freed_by == [threading.get_ident()]


def test_only_what_is_due_is_collected() -> None:
    gc.collect()
    seen: list[int] = []

    def listen(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    gc.callbacks.append(listen)
    try:
        collect_due()
        kept = [[] for _ in range(gc.get_threshold()[0] + 100)]  # type: ignore[var-annotated]
        collect_due()
        for _ in range(gc.get_threshold()[1] + 1):
            kept.extend([] for _ in range(gc.get_threshold()[0] + 100))
            collect_due()
    finally:
        gc.callbacks.remove(listen)
    assert seen[0] == 0
    assert seen[-1] == 1
