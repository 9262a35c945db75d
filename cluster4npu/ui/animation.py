"""Records a short film of the window for the README: a pipeline is designed, run and benchmarked, for real.

Use: `python dev.py screenshots --docs`, or `python -m cluster4npu.ui.animation [FILE.webp]`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QDialog

from cluster4npu.core.bench import BenchmarkResult
from cluster4npu.core.errors import Cluster4NPUError, RunFailed
from cluster4npu.core.leaving import end_process
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import assets_dir
from cluster4npu.ui import theme
from cluster4npu.ui.app import make_application
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.render import hush_offscreen, run_for, settle, stop, take_down, wait_for

FILE = Path(__file__).resolve().parents[2] / "docs" / "images" / "film.webp"
MOST_BYTES = 1_500_000
_SIZE = (1280, 800)
_WIDTH = 960  # of the film
_BENCHMARK_S = 180.0
_ATTEMPTS = 3


class Film:
    """Pictures of a window, each with the time for which it is shown."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._pictures: list[Image.Image] = []
        self._shown_ms: list[int] = []

    @property
    def length(self) -> int:
        """Return how many pictures there are."""
        return len(self._pictures)

    def cut(self, length: int) -> None:
        """Throw away what was taken after the first `length` pictures."""
        del self._pictures[length:], self._shown_ms[length:]

    def take(self, shown_ms: int, dialog: QDialog | None = None) -> None:
        """Take a picture; a dialog is laid over the window, as a desktop shows it."""
        picture: QPixmap = self._window.grab()
        if dialog is not None:
            front = dialog.grab()
            painter = QPainter(picture)
            painter.fillRect(picture.rect(), QColor(0, 0, 0, 90))
            painter.drawPixmap(QPoint((picture.width() - front.width()) // 2, 60), front)
            painter.end()
        image = picture.toImage().scaledToWidth(_WIDTH, Qt.TransformationMode.SmoothTransformation)
        image = image.convertToFormat(QImage.Format.Format_RGB888)
        size = (image.width(), image.height())
        self._pictures.append(
            Image.frombuffer("RGB", size, bytes(image.constBits()), "raw", "RGB", image.bytesPerLine(), 1)
        )
        self._shown_ms.append(shown_ms)

    def save(self, path: Path) -> None:
        """Write the film in the best quality that is small enough; raises RunFailed."""
        for quality in (80, 65, 50, 35, 20):
            first, *rest = self._pictures
            first.save(
                path,
                save_all=True,
                append_images=rest,
                duration=self._shown_ms,
                loop=0,
                quality=quality,
                method=4,
            )
            if path.stat().st_size <= MOST_BYTES:
                return
        raise RunFailed(f"the film is too large: {path.stat().st_size} bytes")


def record(path: Path) -> Path:
    """Record the film and return its path; raises the error of the run or the benchmark."""
    app = make_application()
    theme.apply_theme(app, "light")
    window = MainWindow(Path(os.environ["CLUSTER4NPU_DATA"]) / "results.duckdb")
    window.resize(*_SIZE)
    window.show()
    film = Film(window)
    try:
        settle(300)
        film.take(1200)
        _design(window, film)
        _run(window, film)
        _benchmark(window, film)
        film.save(path)
    finally:
        take_down(window)
    return path


def _design(window: MainWindow, film: Film) -> None:
    """Put the example together, node by node."""
    whole = PipelineConfig.open(assets_dir() / "example.json")
    window.files.new(PipelineConfig(name=whole.name))
    window.show_layout("run")
    settle(300)
    film.take(600)
    editor, document = window.workspace.editor, window.document
    for count in range(1, len(whole.nodes) + 1):
        nodes = whole.nodes[:count]
        ids = {node.id for node in nodes}
        edges = tuple(e for e in whole.edges if {e.source_node, e.target_node} <= ids)
        document.apply(document.config.replace(nodes=nodes, edges=edges), "Add node")
        editor.fit()
        editor.select_node(nodes[-1].id)
        settle(250)
        film.take(450)
    editor.canvas.select(())
    settle(400)
    film.take(700)


def _run(window: MainWindow, film: Film) -> None:
    """Run it, and look at it for some seconds."""
    run_for(window, 5.0)
    for _ in range(26):
        settle(200)
        film.take(200)
    stop(window)
    settle(300)
    film.take(900)


def _benchmark(window: MainWindow, film: Film) -> None:
    """Measure it, and show what came out."""
    dialog = window.run_benchmark_test()
    assert dialog is not None
    wait_for(lambda: not dialog.setup_step.missing(), 30.0)
    settle(300)
    film.take(1200, dialog)
    results: list[BenchmarkResult] = []
    dialog.benchmark_finished.connect(results.append)
    begun = film.length
    for _attempt in range(_ATTEMPTS):  # a busy machine gives figures that are not valid
        film.cut(begun)
        dialog.start()
        until = time.monotonic() + _BENCHMARK_S
        while dialog.running and time.monotonic() < until:
            wait_for(lambda: not dialog.running, 4.0)
            film.take(250, dialog)
        if dialog.running:
            raise RunFailed("the benchmark did not end")
        if results and results[-1].valid:
            break
    settle(500)
    film.take(4000, dialog)
    dialog.reject()


def main() -> int:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        os.environ["CLUSTER4NPU_DATA"] = data
        hush_offscreen()
        try:
            print(record(path))
        except Cluster4NPUError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    end_process(main())
