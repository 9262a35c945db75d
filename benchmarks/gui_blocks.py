"""How long the window's thread is held up during a run: the longest block of each doing, from start to end.

    python -m benchmarks.gui_blocks [--turns 5]

Each turn is a new process with a new window, in which the bundled example runs on two workers while somebody looks at
every tab, replays the timeline, selects every node and opens the history for the first time. Each figure is the longest
block of the window's thread, in ms: the median of the turns, with the longest of all and the places where that one was.
Without a display unless QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common import machine, median, tell_at_most
from benchmarks.watchdog import LIMIT_S, Block, Watchdog

if TYPE_CHECKING:
    from cluster4npu.ui.main_window import MainWindow

RUNS = 60  # stored, that the history lists
WORKERS = ("onnx:cpu", "onnx:cpu#2")
PATIENCE_S = 60.0
_PRELOAD_S = 10.0


class Sitting:
    """One run of the bundled detector in a window, seen from its start to its end, panel after panel.

    Given `only`, nothing else is done between start and end. `blocks` is the longest block of each doing.
    """

    def __init__(self, window: MainWindow, only: Collection[str] = ()) -> None:
        from cluster4npu.core.settings import assets_dir
        from cluster4npu.ui.render import settle

        self._window, self._only = window, only
        self.blocks: dict[str, Block] = {}
        window.files.open(assets_dir() / "example.json")
        window.document.set_param("inference", "devices", list(WORKERS))
        settle(300)  # what opening takes is not part of a run

    def pass_by(self) -> None:
        """Do everything, one after the other; takes some 10 s."""
        space = self._window.workspace
        self._see("the start", self._start)
        tabs = space.dashboard.tabs
        for number in range(tabs.count()):
            if tabs.isTabVisible(number):
                self._see(f"dashboard: {tabs.tabText(number)}", partial(self._look_at, number))
        for name in ("Timeline", "Devices", "Problems"):
            self._see(name, partial(self._raise, name))
        self._see("the replay", self._replay)
        self._see("the canvas", self._select_all)
        self._see("the history", self._look_back)
        self._see("the end", self._end)

    def _start(self) -> None:
        from cluster4npu.core.engine.messages import RunOptions

        space = self._window.workspace
        self._window.runs.run(RunOptions(loop=True, traces=True, calibration="never"))
        points = 0 if self._only and "the start" not in self._only else 3
        _until(lambda: bool(space.preview.detections()) and space.dashboard.fps_chart.points() > points)

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
        from cluster4npu.ui.render import settle

        editor = self._window.workspace.editor
        for node in self._window.document.config.nodes:
            editor.select_node(node.id)
            settle(20)
        editor.canvas.fit()
        self._some_more(1)

    def _look_back(self) -> None:
        from cluster4npu.ui.render import settle

        self._window.show_history()
        history = self._window._history
        assert history is not None
        _until(lambda: history.model.rowCount() >= RUNS and history.details.isVisible())
        settle(200)

    def _end(self) -> None:
        from cluster4npu.ui.render import settle

        self._window.show_designer()
        self._window.runs.stop()
        _until(lambda: not self._window.runs.busy)
        settle(200)

    def _see(self, name: str, doing: Callable[[], None]) -> None:
        if self._only and name not in (*self._only, "the start", "the end"):
            return
        with Watchdog(self._window) as dog:
            doing()
        self.blocks[name] = dog.longest

    def _some_more(self, points: int) -> None:
        chart = self._window.workspace.dashboard.fps_chart
        seen = chart.points()
        _until(lambda: chart.points() >= seen + points)


def fill(store: Path) -> None:
    """Store some runs that a history can list."""
    from cluster4npu.core.store import PipelineRecord, ResultRecord, RunRecord, Store

    opened = Store(store)
    for number in range(RUNS):
        pipeline = PipelineRecord("p", f"Run {number}", "{}")
        opened.save(RunRecord("run", pipeline, (ResultRecord("run", fps=9.0),)))


def one_sitting() -> dict[str, Block]:
    """Sit in a new window as the program opens it; return the longest block of each doing."""
    from cluster4npu.core.settings import data_dir
    from cluster4npu.ui.app import make_application
    from cluster4npu.ui.collector import Collector
    from cluster4npu.ui.main_window import MainWindow
    from cluster4npu.ui.preload import Preload
    from cluster4npu.ui.render import hush_offscreen, wait_for

    make_application()
    hush_offscreen()
    store = data_dir() / "results.duckdb"
    fill(store)
    window = MainWindow(store)
    Collector(window)
    window.resize(1280, 800)
    window.show()
    preload = Preload()
    preload.start()
    wait_for(lambda: not preload.busy, _PRELOAD_S)
    sitting = Sitting(window)
    sitting.pass_by()
    window.runs.shutdown()
    return sitting.blocks


def _until(there: Callable[[], bool]) -> None:
    from cluster4npu.ui.render import wait_for

    if not wait_for(there, PATIENCE_S):
        raise TimeoutError(f"the window did not come so far in {PATIENCE_S:.0f} s")


def _turn() -> dict[str, Block]:
    """Sit in a window of a new process."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        env = {"QT_QPA_PLATFORM": "offscreen", **os.environ, "CLUSTER4NPU_DATA": data}
        command = [sys.executable, "-m", "benchmarks.gui_blocks", "--one"]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return {name: Block(*block) for name, block in json.loads(done.stdout.splitlines()[-1]).items()}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        blocks = one_sitting()
        print(json.dumps({name: [b.seconds, b.worked, b.places] for name, b in blocks.items()}), flush=True)
        os._exit(0)  # Qt's own end is not measured
    print(f"# {machine()}; {given.turns} turns")
    turns = [_turn() for _ in range(given.turns)]
    reached = True
    for name in turns[0]:
        blocks_of = [turn[name] for turn in turns]
        longest = max(blocks_of, key=lambda block: block.seconds)
        value = 1000 * median([block.seconds for block in blocks_of])
        more = {"longest": round(1000 * longest.seconds, 1), "places": longest.places[:4]}
        reached &= tell_at_most(name, value, LIMIT_S * 1000, **more)
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
