"""Draws every panel and dialog to be looked at: light and dark, 1x and 2x, in English and in the pseudo-translation.

Use: `python dev.py screenshots --all`, or `python -m cluster4npu.ui.gallery FOLDER`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from cluster4npu.core.errors import Cluster4NPUError, RunFailed
from cluster4npu.core.leaving import end_process
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui import theme
from cluster4npu.ui.app import make_application
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.pseudo import PseudoTranslator
from cluster4npu.ui.render import SIZE, hush_offscreen, run_for, settle, stop, take_down, wait_for
from cluster4npu.ui.wizard.wizard import PipelineSetupWizard

SCALES = (1, 2)
_RUN_S = 6.0


class Gallery:
    """Draws one language of the window into a folder. `pictures` are the files that were written."""

    def __init__(self, app: QApplication, folder: Path, language: str) -> None:
        self.pictures: list[Path] = []
        self._app, self._folder, self._language = app, folder, language
        self._translator = PseudoTranslator(app)
        if language != "en":
            app.installTranslator(self._translator)
        folder.mkdir(parents=True, exist_ok=True)
        self.window = MainWindow(Path(os.environ["CLUSTER4NPU_DATA"]) / "results.duckdb")
        self.window.resize(*SIZE)
        self.window.show()

    def draw_all(self) -> None:
        """Draw everything; raises the run's error."""
        try:
            self._pages()
            self._wizard()
            self._run()
            self._dialogs()
        finally:
            take_down(self.window)

    def _pages(self) -> None:
        self.window.show_start_page()
        self._draw(self.window, "start")
        self.window.show_tour()
        assert self.window.tour is not None
        self._draw(self.window, "tour")
        self.window.tour.end()

    def _wizard(self) -> None:
        self.window.show_wizard()
        wizard = self.window.dialog
        assert isinstance(wizard, PipelineSetupWizard)
        wizard.use_case_page.cards.choose("object_detection")
        wizard.use_case_page.try_out.setChecked(True)
        for number in range(1, 5):
            wait_for(lambda: wizard.currentPage().isComplete(), 20.0)
            settle(200)
            self._draw(wizard, f"wizard-{number}")
            wizard.next()
        wizard.reject()
        settle(100)

    def _run(self) -> None:
        config = PipelineTemplates.get("simulated").replace(targets=Targets(fps=60, latency_p95_ms=250))
        self.window.files.new(config)
        run_for(self.window, _RUN_S)
        workspace = self.window.workspace
        dashboard = workspace.dashboard
        for index, name in enumerate(("live", "load", "compare", "alerts")):
            dashboard.tabs.setCurrentIndex(index)
            self._draw(self.window, f"run-{name}")
        dashboard.tabs.setCurrentIndex(0)
        workspace.docks["Timeline"].raise_()
        workspace.visualizer.animate_data_flow(2.0, 0.01)
        self._draw(self.window, "timeline")
        workspace.visualizer.stop_replay()
        stop(self.window)
        workspace.editor.select_node("inference")
        self._draw(self.window, "ended")
        for layout in ("design", "analyse", "run"):
            self.window.show_layout(layout)
            settle(300)
            self._draw(self.window, f"layout-{layout}")

    def _dialogs(self) -> None:
        settle(1000)
        self.window.show_history()
        settle(2000)
        self._draw(self.window, "history")
        dialog = self.window.run_benchmark_test()
        if dialog is not None:
            wait_for(lambda: not dialog.setup_step.missing(), 30.0)
            self._draw(dialog, "benchmark-setup")
            dialog.reject()

    def _draw(self, widget: QWidget, name: str) -> None:
        """Draw a widget in both themes and at every scale."""
        for mode in ("light", "dark"):
            theme.apply_theme(self._app, mode)
            settle(250)
            for scale in SCALES:
                path = self._folder / f"{name}-{self._language}-{mode}-{scale}x.png"
                _write(widget, path, scale)
                self.pictures.append(path)


def _write(widget: QWidget, path: Path, scale: int) -> None:
    image = QImage(widget.size() * scale, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    image.fill(theme.colors().window)
    widget.render(image)
    if not image.save(str(path)):
        raise RunFailed(f"the picture {path} could not be written")


def main(arguments: list[str] | None = None) -> int:
    """Draw both languages into the folder that is named; return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        print("use: python -m cluster4npu.ui.gallery FOLDER", file=sys.stderr)
        return 2
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    app: QApplication | None = None
    drawn = 0
    for language in ("en", "pseudo"):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
            os.environ["CLUSTER4NPU_DATA"] = data
            hush_offscreen()
            app = app or make_application()
            gallery = Gallery(app, Path(given[0]), language)
            try:
                gallery.draw_all()
            except Cluster4NPUError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
            drawn += len(gallery.pictures)
    print(f"{drawn} pictures in {given[0]}")
    return 0


if __name__ == "__main__":
    end_process(main())
