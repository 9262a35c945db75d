"""Second step of a benchmark: how far it is."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from cluster4npu.core.bench import BenchmarkProgress
from cluster4npu.core.devices.registry import is_simulated
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.benchmark_setup import duration
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.figure_table import FigureTable
from cluster4npu.ui.text import tr

_STEPS = 1000


class ProgressStep(QWidget):
    """A bar, what is being done, the rate of the last window, and what remains."""

    def __init__(self) -> None:
        super().__init__()
        self._rate: float | None = None
        self._measured: list[list[str]] = []
        self._simulated: set[str] = set()
        self.stage = plain_label()
        theme.give_role(self.stage, "heading")
        self.detail = plain_label()
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setAccessibleName(tr("Progress of the benchmark"))
        self.rate = plain_label(wrap=False)
        theme.give_role(self.rate, "figure")
        self.rate_of = plain_label()
        self.eta = plain_label(wrap=False)
        note = plain_label(
            tr("Leave the machine alone meanwhile: whatever else runs makes the figures unsteady.")
        )
        for label in (self.detail, self.rate_of, self.eta, note):
            theme.give_role(label, "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(40, 0, 40, 0)
        layout.setSpacing(8)
        layout.addStretch(2)
        for widget in (self.stage, self.detail, self.bar, self.eta):
            layout.addWidget(widget)
        layout.addSpacing(24)
        layout.addWidget(self.rate)
        layout.addWidget(self.rate_of)
        self.windows = FigureTable(
            tr("Windows measured so far"), (tr("Measured so far, newest first"), tr("Frames/s"))
        )
        layout.addSpacing(12)
        layout.addWidget(self.windows)
        layout.addStretch(3)
        layout.addWidget(note)
        for label in (self.rate, self.rate_of, note):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)

    def begin(self, devices: Iterable[str]) -> None:
        """Go back to the start; what comes from simulated ones of these devices is marked."""
        self._simulated = {device for device in devices if is_simulated(device)}
        self.bar.setValue(0)
        self._rate = None
        self._measured.clear()
        self.windows.show_rows([])
        self.stage.setText(tr("Starting"))
        for label in (self.detail, self.rate, self.rate_of, self.eta):
            label.setText("")

    def show_progress(self, progress: BenchmarkProgress) -> None:
        """Show how far it is; the bar never goes back."""
        self.bar.setValue(max(self.bar.value(), min(_STEPS, int(progress.fraction * _STEPS))))
        self.stage.setText(tr(progress.stage))
        self.detail.setText(progress.detail)
        self.eta.setText(
            "" if progress.eta_s is None else tr("About {0} left").format(duration(progress.eta_s))
        )
        if progress.window_fps is not None and progress.window_fps != self._rate:
            self._rate = progress.window_fps  # told again with the next device, which it is not of
            self.rate.setText(tr("{0:,.1f} frames/s").format(progress.window_fps))
            marked = progress.device in self._simulated if progress.device else bool(self._simulated)
            whose = progress.device or tr("all devices together")
            told = f"{whose}{tr(' (SIMULATED)') if marked else ''}"
            self.rate_of.setText(tr("last window, {0}").format(told))
            self._measured.insert(0, [f"{tr(progress.stage)}: {told}", f"{progress.window_fps:,.1f}"])
            self.windows.show_rows(self._measured)

    def show_stopping(self) -> None:
        """Say that a cancel was heard."""
        self.stage.setText(tr("Stopping ..."))
        self.detail.setText(tr("Nothing will be stored."))
        self.eta.setText("")
