"""The benchmark's dialog: choose devices and a profile, wait, read the number."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.bench import (
    BenchmarkOptions,
    BenchmarkProgress,
    BenchmarkResult,
    PerformanceBenchmarker,
    Profile,
)
from cluster4npu.core.devices.registry import detect
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.errors import Cancelled
from cluster4npu.core.nodes.inference import Inference
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.store import RunRecord
from cluster4npu.ui import result_files, theme
from cluster4npu.ui.dialogs import looks
from cluster4npu.ui.dialogs.background import Background, Report
from cluster4npu.ui.dialogs.benchmark_progress import ProgressStep
from cluster4npu.ui.dialogs.benchmark_result import ResultStep
from cluster4npu.ui.dialogs.benchmark_setup import SetupStep
from cluster4npu.ui.dialogs.device_choice import Detect
from cluster4npu.ui.dialogs.errors import plain_label, problems_of
from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.text import tr
from cluster4npu.ui.theme import Colors

_QUIT_S = 3.0


class Benchmarker(Protocol):
    """What runs a benchmark: `core.bench.PerformanceBenchmarker`, or a stand-in of a test."""

    unstored: RunRecord | None

    def run(
        self,
        pipeline: PipelineConfig,
        progress: Callable[[BenchmarkProgress], None],
        cancelled: Callable[[], bool],
    ) -> BenchmarkResult:
        """Measure; raises BenchmarkCancelled within a second after `cancelled` says so."""
        ...


def placing_benchmarker(options: BenchmarkOptions) -> PerformanceBenchmarker:
    """Return the benchmark whose results, of a pipeline without a folder, go where those of a run go."""
    return PerformanceBenchmarker(
        options, open_engine=lambda config, run: Engine(result_files.placed(config), run)
    )


class BenchmarkDialog(QDialog):
    """Runs one benchmark after the other on a thread of its own; the engine has its own processes.

    `benchmark_finished` carries each BenchmarkResult; `history_requested` the id of the run that the history
    shall show. Closing the dialog meanwhile asks, then cancels and stores nothing.
    """

    benchmark_finished = Signal(object)
    history_requested = Signal(str)

    def __init__(
        self,
        config: PipelineConfig,
        store_path: Path | None,
        parent: QWidget | None = None,
        *,
        profile: Profile | None = None,
        benchmarker: Callable[[BenchmarkOptions], Benchmarker] = placing_benchmarker,
        detect: Detect = detect,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("BenchmarkDialog")
        self.setWindowTitle(tr("Benchmark"))
        self._config = config
        self._store = store_path
        self._make = benchmarker
        self._work: Background | None = None
        self._cancel = threading.Event()
        self._closing = False
        self.setup_step = SetupStep(_pool(config), profile, detect)
        self.progress_step = ProgressStep()
        self.result_step = ResultStep(store_path)
        self._lay_out()
        self._connect()
        self.resize(900, 730)
        self.setMinimumSize(self.minimumSizeHint().expandedTo(QSize(700, 520)))
        dress(self, _sheet)
        self._show_step(self.setup_step)
        self.setup_step.start_looking()

    @property
    def running(self) -> bool:
        """Tell whether a benchmark goes on."""
        return self._work is not None

    @Slot()
    def start(self) -> None:
        """Start with what is chosen."""
        if self.running or self.setup_step.missing():
            return
        devices, profile = self.setup_step.devices(), self.setup_step.profile
        words = ["cluster4npu", "benchmark", "PIPELINE", "--profile", profile.name, "--devices"]
        scenario = self.setup_step.scenario
        words = [*words[:3], *scenario.arguments(), *words[3:]]
        options = BenchmarkOptions(
            **scenario.options(),
            profile=profile,
            devices=devices,
            store=self._store,
            command=shlex.join([*words, ",".join(devices)]),
        )
        config, make, cancel = self._config, self._make, threading.Event()

        def work(report: Report) -> object:
            benchmarker = make(options)
            result = benchmarker.run(config, report, cancel.is_set)
            return result, benchmarker.unstored

        self._cancel = cancel
        self._closing = False
        self.setup_step.show_problems([])
        self.progress_step.begin(devices)
        self._show_step(self.progress_step)
        self._work = Background(work, "benchmark")
        self._work.progressed.connect(self._progressed)
        self._work.succeeded.connect(self._succeeded)
        self._work.failed.connect(self._failed)
        self._work.start()

    @Slot()
    def cancel(self) -> None:
        """Ask the benchmark to end; the dialog goes back to its first step when it has."""
        self._cancel.set()
        self.cancel_button.setEnabled(False)
        self.progress_step.show_stopping()

    def reject(self) -> None:
        """Close; while a benchmark goes on this asks first, and one that has ended meanwhile is shown."""
        if not self.running or self._cancel.is_set() or self._ask_to_stop():
            self.leave()

    def leave(self) -> None:
        """Close unasked; a benchmark that goes on is cancelled first, and the dialog closes when it has ended."""
        if self.running:
            self._closing = True
            self.cancel()
        else:
            super().reject()

    def _ask_to_stop(self) -> bool:
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        text = tr("Stop the benchmark? Nothing will be stored.")
        return QMessageBox.question(self, tr("Benchmark"), text, yes | no, no) == yes and self.running

    @Slot()
    def _quit(self) -> None:
        """Let the engine's processes leave in order before the program does."""
        self._cancel.set()
        if self._work is not None:
            self._work.wait(_QUIT_S)

    @Slot(object)
    def _progressed(self, progress: BenchmarkProgress) -> None:
        if not self._cancel.is_set():
            self.progress_step.show_progress(progress)

    @Slot(object)
    def _succeeded(self, end: tuple[BenchmarkResult, RunRecord | None]) -> None:
        self._work = None
        result, unstored = end
        self.result_step.show_result(result, unstored)
        self._show_step(self.result_step)
        self.benchmark_finished.emit(result)
        if self._closing:
            super().reject()

    @Slot(object)
    def _failed(self, error: BaseException) -> None:
        self._work = None
        self._show_step(self.setup_step)
        if isinstance(error, Cancelled):
            self.status.setText(tr("Cancelled. Nothing was stored."))
        else:
            self.setup_step.show_problems(problems_of(error, "the benchmark failed"))
        if self._closing:
            super().reject()

    def _connect(self) -> None:
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._quit)
        self.setup_step.changed.connect(self._refresh)
        self.start_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.cancel)
        self.close_button.clicked.connect(self.reject)
        self.again_button.clicked.connect(self._again)
        self.history_button.clicked.connect(self._open_history)
        self.report_button.clicked.connect(self.result_step.save_report)
        self.store_button.clicked.connect(self.result_step.store_again)
        self.result_step.changed.connect(self._refresh)

    def _lay_out(self) -> None:
        self.title = plain_label(self._config.name, wrap=False)
        theme.give_role(self.title, "heading")
        self._stack = QStackedWidget()
        for step in (self.setup_step, self.progress_step, self.result_step):
            self._stack.addWidget(step)
        self.status = plain_label(name="Status")
        self.start_button = _button(tr("&Start benchmark"), primary=True)
        self.cancel_button = _button(tr("Cancel"))
        self.store_button = _button(tr("S&tore again"))
        self.report_button = _button(tr("Save &report ..."))
        self.history_button = _button(tr("Open in &history"))
        self.again_button = _button(tr("Run &again"))
        self.close_button = _button(tr("Close"))
        buttons = QHBoxLayout()
        buttons.addWidget(self.status, 1)
        for button in (
            self.store_button,
            self.report_button,
            self.history_button,
            self.again_button,
            self.cancel_button,
            self.close_button,
            self.start_button,
        ):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.setSpacing(12)
        layout.addWidget(self.title)
        layout.addWidget(self._stack, 1)
        layout.addLayout(buttons)

    def _show_step(self, step: QWidget) -> None:
        self._stack.setCurrentWidget(step)
        setup, progress, result = (step is s for s in (self.setup_step, self.progress_step, self.result_step))
        self.status.setText("")
        self.start_button.setVisible(setup)
        self.cancel_button.setVisible(progress)
        self.cancel_button.setEnabled(progress)
        self.close_button.setVisible(not progress)
        for button in (self.report_button, self.history_button, self.again_button):
            button.setVisible(result)
        self._refresh()
        if not setup:
            (self.cancel_button if progress else self.close_button).setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _refresh(self) -> None:
        self.start_button.setEnabled(not self.setup_step.missing())
        result = self.result_step
        stored, kept = result.run_id != "", result.unstored is not None
        self.store_button.setVisible(kept and self._stack.currentWidget() is result)
        self.report_button.setEnabled(stored or kept)
        self.history_button.setEnabled(stored)
        for button in (self.report_button, self.history_button):
            button.setToolTip("" if button.isEnabled() else tr("This result was not stored."))

    @Slot()
    def _again(self) -> None:
        self._show_step(self.setup_step)

    @Slot()
    def _open_history(self) -> None:
        self.history_requested.emit(self.result_step.run_id)
        self.accept()


def _pool(config: PipelineConfig) -> tuple[str, ...]:
    """Return the devices that the pipeline names; none means every real one."""
    for node in config.nodes:
        if node.type == Inference.type:
            devices = node.params.get("devices")
            return tuple(str(item) for item in devices) if isinstance(devices, list | tuple) else ()
    return ()


def _button(text: str, *, primary: bool = False) -> QPushButton:
    button = QPushButton(text)
    button.setAutoDefault(primary)
    button.setDefault(primary)
    if primary:
        looks.primary(button)
    return button


def _sheet(c: Colors) -> str:
    return f"""
        QLabel#Reason {{ color: {c.warn}; font-weight: 600; }}
        QLabel#Status {{ color: {c.muted}; }}
        QFrame#ProblemBox {{ border: 1px solid {c.fail}; border-radius: 6px; }}
    """
