"""Draws the window into picture files, with a real run in it, where there is no display."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QWidget

from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.errors import Cluster4NPUError, RunFailed
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.settings import assets_dir
from cluster4npu.ui.app import delete_now
from cluster4npu.ui.main_window import MainWindow

SIZE = (1440, 900)
RUN_SECONDS = 8.0
START_PATIENCE_S = 60.0


def render_pictures(pipeline: Path | None, store: Path | None, folder: Path) -> int:
    """Run the pipeline for some seconds and write what the window shows; return the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    window = MainWindow(store)
    window.resize(*SIZE)
    window.show()
    pictures = []
    try:
        path = pipeline or assets_dir() / "example.json"
        Graph.build(PipelineConfig.open(path))  # raises what the window would only show
        pictures.append(shoot(window, folder / "start.png"))
        window.files.open(path)
        settle(300)
        pictures.append(shoot(window, folder / "designer.png"))
        run_for(window, RUN_SECONDS)
        pictures.append(shoot(window, folder / "running.png"))
        stop(window)
        window.show_history()
        settle(1500)
        pictures.append(shoot(window, folder / "history.png"))
    except Cluster4NPUError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        take_down(window)
    for path in pictures:
        print(path)
    return 0


def take_down(window: MainWindow) -> None:
    """End what goes on in a window and delete it now; nothing is kept of where it was."""
    window.runs.shutdown()
    window.deleteLater()
    delete_now()


def run_for(window: MainWindow, seconds: float) -> None:
    """Run the open pipeline in the window until it has been shown for this long; raises the run's error."""
    failures: list[Cluster4NPUError] = []
    window.runs.bridge.failed.connect(lambda event: failures.append(event.error))
    window.show_designer()
    window.runs.run(RunOptions(loop=True, traces=True))
    dashboard = window.workspace.dashboard
    wait_for(lambda: dashboard.fps_chart.points() > 0 or not window.runs.busy, START_PATIENCE_S)
    wait_for(lambda: not window.runs.busy, seconds)
    if failures:
        raise failures[0]
    if not dashboard.fps_chart.points():
        raise RunFailed(window.messages.text() or "the run showed nothing")


def stop(window: MainWindow) -> None:
    """Stop the run and wait until it is over."""
    window.runs.stop()
    wait_for(lambda: not window.runs.busy, 15.0)


def hush_offscreen() -> None:
    """Drop the offscreen platform's remark that it has no window manager; all else goes to stderr."""

    def tell(_kind: QtMsgType, _context: object, text: str) -> None:
        if not text.startswith("This plugin does not support"):
            print(text, file=sys.stderr)

    qInstallMessageHandler(tell)


def wait_for(done: Callable[[], bool], timeout_s: float) -> bool:
    """Let the window live until `done()`, at most this long; tell whether it came."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            return False
        settle(20)
    return True


def settle(milliseconds: int) -> None:
    """Let the window live for this long."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def shoot(widget: QWidget, path: Path) -> Path:
    """Write what a widget shows into a PNG file."""
    settle(200)
    if not widget.grab().save(str(path)):
        raise RunFailed(f"the picture {path} could not be written")
    return path
