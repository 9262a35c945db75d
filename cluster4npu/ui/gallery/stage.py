"""A window with something to show in it, and what shall be done with each thing that it shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from cluster4npu.core.bench import Profile
from cluster4npu.core.errors import RunFailed
from cluster4npu.core.nodes import node_types
from cluster4npu.core.pipeline.config import PipelineConfig, Targets
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.render import SIZE, settle, take_down, wait_for

Visit = Callable[[str, QWidget], None]
Scene = Callable[["Stage"], None]

BRIEF = Profile(
    "brief", "Brief", leg_s=0.3, pairs=2, ramp_s=0.05, survey_s=0.2, windows=2,
    warm_up_s=0.2, warm_up_window_s=0.1, warm_up_limit_s=0.3, parity_frames=4,
)  # fmt: skip
_PATIENCE_S = 60.0
_MODAL_MS = 150


class Stage:
    """`show` is called by the scenes for each thing that is on the screen; `names` are what was shown.

    `run_s` is how long a run is shown, `settle_ms` what each thing gets to lay itself out; `folder` is for files that
    scenes need. `kinds` are the node types whose properties are shown, all of them where none is named.
    """

    def __init__(
        self,
        app: QApplication,
        folder: Path,
        visit: Visit,
        *,
        run_s: float = 6.0,
        settle_ms: int = 50,
        kinds: tuple[str, ...] = (),
    ) -> None:
        self.app, self.folder, self.run_s, self._settle_ms = app, folder, run_s, settle_ms
        self.kinds = kinds or tuple(node_types())
        self.names: list[str] = []
        self._visit = visit
        self.window = MainWindow(Path(os.environ["CLUSTER4NPU_DATA"]) / "results.duckdb")
        self.window.resize(*SIZE)
        self.window.show()

    def show(self, name: str, widget: QWidget | None = None) -> None:
        """Show a widget under a name; the whole window where none is named."""
        if name in self.names:
            raise ValueError(f"two things are called {name}")
        self.names.append(name)
        settle(self._settle_ms)
        self._visit(name, widget or self.window)

    def show_modal(self, name: str, ask: Callable[[], object]) -> None:
        """Show what `ask` opens and waits for, then close it; its last button but cancel is not pressed."""

        def look() -> None:
            asked = QApplication.activeModalWidget()
            if not isinstance(asked, QDialog):
                raise RunFailed(f"no question was asked for {name}")
            self.show(name, asked)
            asked.reject()

        QTimer.singleShot(_MODAL_MS, look)
        ask()

    def wait(self, done: Callable[[], bool], what: str, seconds: float = _PATIENCE_S) -> None:
        """Let the window live until `done()`; raises RunFailed where that does not come."""
        if not wait_for(done, seconds):
            raise RunFailed(f"{what} did not come in {seconds:g} s")

    def open(self, config: PipelineConfig) -> None:
        """Open a pipeline in the window, without a question about the one before."""
        self.window.document.undo_stack.setClean()
        self.window.files.new(config)
        self.window.resize(*SIZE)
        settle(50)

    def close(self) -> None:
        """End what goes on, and delete the window."""
        self.window.document.undo_stack.setClean()
        take_down(self.window)


def simulated() -> PipelineConfig:
    """Return the pipeline that most scenes show, with targets."""
    return PipelineTemplates.get("simulated").replace(targets=Targets(fps=60, latency_p95_ms=250))


def scenes_of(module: ModuleType) -> list[Scene]:
    """Return a module's scenes in the order in which they stand there: its public functions."""
    found = [value for name, value in vars(module).items() if not name.startswith("_")]
    return [f for f in found if callable(f) and getattr(f, "__module__", "") == module.__name__]
