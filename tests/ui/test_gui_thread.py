"""While a pipeline runs, nothing holds up the thread of the window."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.settings import assets_dir
from cluster4npu.core.store import PipelineRecord, ResultRecord, RunRecord, Store
from cluster4npu.ui.app import make_application
from cluster4npu.ui.collector import Collector
from cluster4npu.ui.history.history import HistoryPage
from cluster4npu.ui.main_window import MainWindow
from tests.ui.watchdog import LIMIT_S, Block, Watchdog, repeated

TURNS = 3
RUNS = 60
WORKERS = ["onnx:cpu", "onnx:cpu#2"]
LONG_MS = 60_000


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
        QTimer.singleShot(30, widget, lambda: hold(0.08))
        qtbot.wait(200)
    assert LIMIT_S < dog.longest.seconds < 10 * LIMIT_S
    assert (dog.longest.worked > LIMIT_S) == (hold is spin)
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


class Turn:
    """One run of the bundled detector in a new window, seen from its start to its end, panel after panel.

    Given `again`, only what is named there is done between the two.
    """

    def __init__(self, window: MainWindow, qtbot: QtBot, again: Collection[str]) -> None:
        self._window, self._qtbot, self._again = window, qtbot, again
        self.blocks: dict[str, Block] = {}
        window.files.open(assets_dir() / "example.json")
        window.document.set_param("inference", "devices", WORKERS)
        qtbot.wait(300)  # what opening takes is not part of a run

    def pass_by(self) -> None:
        space = self._window.workspace
        self._see("the start", self._start)
        for number in range(space.dashboard.tabs.count()):
            if space.dashboard.tabs.isTabVisible(number):
                self._see(
                    f"dashboard: {space.dashboard.tabs.tabText(number)}", partial(self._look_at, number)
                )
        for name in ("Timeline", "Devices", "Problems"):
            self._see(name, partial(self._raise, name))
        self._see("the replay", self._replay)
        self._see("the canvas", self._select_all)
        self._see("the history", self._look_back)
        self._see("the end", self._end)

    def _start(self) -> None:
        space = self._window.workspace
        self._window.runs.run(RunOptions(loop=True, traces=True, calibration="never"))
        points = 0 if self._again and "the start" not in self._again else 3
        self._until(lambda: bool(space.preview.detections()) and space.dashboard.fps_chart.points() > points)

    def _look_at(self, number: int) -> None:
        self._window.workspace.dashboard.tabs.setCurrentIndex(number)
        self._some_more(2)

    def _raise(self, name: str) -> None:
        self._window.workspace.docks[name].raise_()
        self._some_more(3 if name == "Timeline" else 2)

    def _replay(self) -> None:
        space = self._window.workspace
        space.docks["Timeline"].raise_()
        space.visualizer.animate_data_flow(0.0, 1.0)
        self._some_more(2)
        space.visualizer.stop_replay()

    def _select_all(self) -> None:
        editor = self._window.workspace.editor
        for node in self._window.document.config.nodes:
            editor.select_node(node.id)
            self._qtbot.wait(20)
        editor.canvas.fit()
        self._some_more(1)

    def _look_back(self) -> None:
        self._window.show_history()
        history = self._window._history
        assert history is not None
        self._until(lambda: history.model.rowCount() >= RUNS and history.details.isVisible())
        self._qtbot.wait(200)

    def _end(self) -> None:
        self._window.show_designer()
        self._window.runs.stop()
        self._until(lambda: not self._window.runs.busy)
        self._qtbot.wait(200)

    def _see(self, name: str, doing: Callable[[], None]) -> None:
        if self._again and name not in (*self._again, "the start", "the end"):
            return
        with Watchdog(self._window) as dog:
            doing()
        self.blocks[name] = dog.longest

    def _until(self, there: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(there, timeout=LONG_MS)

    def _some_more(self, points: int) -> None:
        chart = self._window.workspace.dashboard.fps_chart
        seen = chart.points()
        self._until(lambda: chart.points() >= seen + points)


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
    store = Store(tmp_path / "results.duckdb")
    for number in range(RUNS):
        record = RunRecord("run", PipelineRecord("p", f"Run {number}", "{}"), (ResultRecord("run", fps=9.0),))
        store.save(record)
    make_application()
    open_once(store.path, qtbot)
    seen: dict[str, list[Block]] = {}
    found: dict[str, Block] = {}
    for _ in range(TURNS):
        window = make_window()
        Collector(window)
        turn = Turn(window, qtbot, found)
        turn.pass_by()
        window.document.undo_stack.setClean()
        window.close()
        for name, block in turn.blocks.items():
            seen.setdefault(name, []).append(block)
        found = {name: block for name in (found or seen) if (block := repeated(seen[name])) is not None}
        if not found:
            break
    assert not found, "\n".join(f"{name}: {block}" for name, block in found.items())
