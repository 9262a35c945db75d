"""Draws the pictures of the documentation: really runs the program, without a display.

Use: `python dev.py screenshots --docs`, or `python -m cluster4npu.ui.screenshots [FOLDER]`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QApplication, QDialog

from cluster4npu.core.bench import BenchmarkResult
from cluster4npu.core.errors import Cluster4NPUError, RunFailed
from cluster4npu.core.leaving import end_process
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui import theme
from cluster4npu.ui.app import make_application
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.render import SIZE, hush_offscreen, run_for, settle, shoot, stop, take_down, wait_for
from cluster4npu.ui.wizard.wizard import PipelineSetupWizard

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
_BENCHMARK_S = 240.0
_ATTEMPTS = 3


def draw_all(app: QApplication, folder: Path) -> list[Path]:
    """Draw every picture into the folder and return their paths; raises the error."""
    folder.mkdir(parents=True, exist_ok=True)
    theme.apply_theme(app, "light")
    store = Path(os.environ["CLUSTER4NPU_DATA"]) / "results.duckdb"
    window = MainWindow(store)
    window.resize(*SIZE)
    window.show()
    try:
        return [
            *_start(app, window, folder),
            _wizard(window, folder),
            *_designer(app, window, folder),
            *_overview(app, window, folder),
            _benchmark(window, folder),
            *_running(window, folder),
            _history(window, folder),
        ]
    finally:
        take_down(window)


def _start(app: QApplication, window: MainWindow, folder: Path) -> list[Path]:
    pipelines = Path.home() / "Pipelines"
    pipelines.mkdir()
    for name in ("warehouse_camera.json", "digits_two_workers.json"):
        PipelineTemplates.get("simulated").save(pipelines / name)
        window.preferences.remember(pipelines / name)
    window.show_start_page()
    pictures = _both(app, window, folder, "start")
    for path in window.preferences.recent:
        window.preferences.forget(path)
    return pictures


def _wizard(window: MainWindow, folder: Path) -> Path:
    window.show_wizard()
    wizard = window.dialog
    assert isinstance(wizard, PipelineSetupWizard)
    wizard.use_case_page.cards.choose("object_detection")
    wizard.use_case_page.try_out.setChecked(True)
    settle(500)
    picture = _with_dialog(window, wizard, folder / "wizard.png")
    wizard.reject()
    return picture


def _designer(app: QApplication, window: MainWindow, folder: Path) -> list[Path]:
    window.files.open_example()
    settle(300)
    window.workspace.editor.select_node("inference")
    settle(3000)  # the devices in the property panel are looked for in the background
    window.workspace.editor.fit()
    return _both(app, window, folder, "designer")


def _overview(app: QApplication, window: MainWindow, folder: Path) -> list[Path]:
    run_for(window, 14.0)
    wait_for(lambda: len(window.workspace.preview.detections()) > 3, 5.0)
    pictures = _both(app, window, folder, "overview")
    stop(window)
    return pictures


def _benchmark(window: MainWindow, folder: Path) -> Path:
    window.messages.hide()  # what the run before it left there was read
    dialog = window.run_benchmark_test()
    assert dialog is not None
    wait_for(lambda: not dialog.setup_step.missing(), 30.0)
    results: list[BenchmarkResult] = []
    dialog.benchmark_finished.connect(results.append)
    for _attempt in range(_ATTEMPTS):  # a busy machine gives figures that are not valid
        dialog.start()
        if not wait_for(lambda: not dialog.running, _BENCHMARK_S):
            raise RunFailed("the benchmark did not end")
        if results and results[-1].valid:
            break
    settle(300)
    picture = _with_dialog(window, dialog, folder / "benchmark.png")
    dialog.reject()
    return picture


def _running(window: MainWindow, folder: Path) -> list[Path]:
    config = PipelineTemplates.get("simulated").replace(targets=Targets(fps=60, latency_p95_ms=250))
    window.files.new(config)
    run_for(window, 14.0)
    picture = shoot(window, folder / "running.png")
    stop(window)
    workspace = window.workspace
    workspace.docks["Assistant"].raise_()
    if not wait_for(lambda: bool(workspace.assistant.rows), 10.0):
        raise RunFailed("the assistant did not answer")
    settle(300)
    return [picture, shoot(window, folder / "assistant.png")]


def _history(window: MainWindow, folder: Path) -> Path:
    settle(1000)  # the last run is stored in the background
    window.show_history()
    settle(2500)
    return shoot(window, folder / "history.png")


def _both(app: QApplication, window: MainWindow, folder: Path, name: str) -> list[Path]:
    """Draw the window in the light and in the dark."""
    pictures = [shoot(window, folder / f"{name}.png")]
    theme.apply_theme(app, "dark")
    settle(300)
    pictures.append(shoot(window, folder / f"{name}-dark.png"))
    theme.apply_theme(app, "light")
    return pictures


def _with_dialog(window: MainWindow, dialog: QDialog, path: Path) -> Path:
    """Draw a dialog over its window, as a desktop shows it."""
    picture: QPixmap = window.grab()
    front = dialog.grab()
    painter = QPainter(picture)
    painter.fillRect(picture.rect(), QColor(0, 0, 0, 90))
    place = QPointF((picture.width() - front.width()) / 2, (picture.height() - front.height()) / 2)
    painter.drawPixmap(place, front)
    painter.setPen(QPen(QColor(theme.colors().border), 1))
    painter.drawRect(round(place.x()), round(place.y()), front.width(), front.height())
    painter.end()
    if not picture.save(str(path)):
        raise RunFailed(f"the picture {path} could not be written")
    return path


def main() -> int:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        home = Path(data) / "home"  # nothing of the person who draws them stands in the pictures
        home.mkdir()
        os.environ.update(CLUSTER4NPU_DATA=data, HOME=str(home), USERPROFILE=str(home))
        hush_offscreen()
        try:
            pictures = draw_all(make_application(), folder)
        except Cluster4NPUError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    for path in pictures:
        print(path)
    return 0


if __name__ == "__main__":
    end_process(main())
