"""While a pipeline runs, nothing holds up the thread of the window."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from benchmarks.gui_blocks import RUNS, Sitting, fill
from benchmarks.watchdog import Block, Watchdog, repeated
from cluster4npu.ui.app import make_application
from cluster4npu.ui.collector import Collector
from cluster4npu.ui.history.history import HistoryPage
from cluster4npu.ui.main_window import MainWindow

TURNS = 3
LONG_MS = 60_000
CEILING_S = (
    0.15  # `benchmarks.gui_blocks` judges the 50 ms on a quiet machine; beside other tests it is no limit
)


def spin(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize("hold", [time.sleep, spin])
def test_the_watchdog_finds_a_block_that_waits_and_one_that_computes(
    qtbot: QtBot, hold: Callable[[float], None]
) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    with Watchdog(widget) as dog:
        QTimer.singleShot(30, widget, lambda: hold(2 * CEILING_S))
        qtbot.wait(3000 * CEILING_S)
    assert dog.longest.seconds > CEILING_S
    assert (dog.longest.worked > CEILING_S) == (hold is spin)
    assert dog.ticks > 2


def test_a_block_that_comes_again_at_the_same_place_is_ours_and_others_are_not() -> None:
    waits, elsewhere = Block(0.08, 0.0, ["a.py:3 read"]), Block(0.09, 0.01, ["a.py:8 draw", "Qt"])
    again = Block(0.07, 0.0, ["b.py:1 draw", "a.py:5 read"])
    assert repeated([waits, again]) is again
    assert repeated([waits, elsewhere]) is None
    assert repeated([waits, Block(0.01)]) is None
    assert repeated([Block(0.08, 0.06), Block(0.07, 0.07)]) is not None


def test_the_watchdog_finds_nothing_in_a_window_that_rests(qtbot: QtBot) -> None:
    def rest() -> Block:
        widget = QWidget()
        qtbot.addWidget(widget)
        with Watchdog(widget) as dog:
            qtbot.wait(100)
        assert dog.ticks > 2
        return dog.longest

    assert repeated([rest() for _ in range(TURNS)]) is None


def open_once(store: Path, qtbot: QtBot) -> None:
    """Open a history: what is imported for the first one is no block that comes again."""
    page = HistoryPage(store)
    qtbot.addWidget(page)
    page.show()
    page.refresh()
    qtbot.waitUntil(lambda: page.model.rowCount() >= RUNS and page.details.isVisible(), timeout=LONG_MS)


def test_no_block_of_the_window_during_a_run(
    make_window: Callable[[], MainWindow], qtbot: QtBot, tmp_path: Path
) -> None:
    """What is found, and nothing else, is looked for again, each time in a new window."""
    store = tmp_path / "results.duckdb"
    fill(store)
    make_application()
    open_once(store, qtbot)
    seen: dict[str, list[Block]] = {}
    found: dict[str, Block] = {}
    for _ in range(TURNS):
        window = make_window()
        Collector(window)
        sitting = Sitting(window, found)
        sitting.pass_by()
        window.document.undo_stack.setClean()
        window.close()
        for name, block in sitting.blocks.items():
            seen.setdefault(name, []).append(block)
        blocks = {name: repeated(seen[name], CEILING_S) for name in (found or seen)}
        found = {name: block for name, block in blocks.items() if block is not None}
        if not found:
            break
    assert not found, "\n".join(f"{name}: {block}" for name, block in found.items())
