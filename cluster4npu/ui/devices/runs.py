"""What a device made of each model in the stored runs: a point for each run over time, and the profile in words."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from cluster4npu.core.store.device_runs import DeviceRun, ModelProfile, profile
from cluster4npu.ui import theme
from cluster4npu.ui.text import tr

_MOST_MODELS = 6
_POINT_PX = 7


class DeviceRunsChart(QWidget):
    """Frames/s of one worker of a device over its stored runs, a colour for each model and precision."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.runs: tuple[DeviceRun, ...] = ()
        self.note = QLabel(tr("No device is chosen."))
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        self.plot = pg.PlotWidget(self, axisItems={"bottom": pg.DateAxisItem()})
        self.plot.setAccessibleName(tr("Rate of this device in stored runs"))
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMinimumHeight(90)
        self._groups = [pg.ScatterPlotItem(size=_POINT_PX, pen=None) for _ in range(_MOST_MODELS)]
        for group in self._groups:
            self.plot.addItem(group)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.note)
        theme.changes().changed.connect(self._draw)
        self._draw()

    def show_runs(self, runs: Sequence[DeviceRun]) -> None:
        """Show these runs, oldest first."""
        self.runs = tuple(runs)
        told = profile(self.runs)
        lines = [text_of(one) for one in told[:_MOST_MODELS]]
        if len(told) > _MOST_MODELS:
            lines.append(f"and {len(told) - _MOST_MODELS} more")
        self.note.setText("\n".join(lines) or "No stored run has used this device.")
        self.plot.setAccessibleName(tr("Frames/s in stored runs. {0}").format(self.note.text()))
        self._draw()

    def points(self) -> int:
        """Return how many runs are drawn."""
        return sum(len(group.data) for group in self._groups)

    def _draw(self) -> None:
        colors = theme.colors()
        self.plot.setBackground(QColor(colors.surface))
        for axis in ("left", "bottom"):
            self.plot.getAxis(axis).setPen(QColor(colors.border))
            self.plot.getAxis(axis).setTextPen(QColor(colors.muted))
        for number, group in enumerate(self._groups):
            shown = [run for run in self.runs if self._place(run) == number]
            group.setData(
                [run.at.timestamp() for run in shown],
                [run.fps for run in shown],
                brush=pg.mkBrush(colors.series[number % len(colors.series)]),
            )

    def _place(self, run: DeviceRun) -> int:
        keys = [(p.model_sha256, p.precision, p.alone, p.simulated) for p in profile(self.runs)]
        return keys.index((run.model_sha256, run.precision, run.alone, run.simulated))


def text_of(one: ModelProfile) -> str:
    """Return what a device makes of one model, in words."""
    model = one.model or "no model"
    how = f"{one.precision}, " if one.precision else ""
    how += "alone" if one.alone else "beside others"
    latency = "" if one.latency_p95_ms is None else f", p95 {one.latency_p95_ms:.1f} ms"
    runs = f"{one.runs} run{'s' * (one.runs != 1)}"
    mark = ", SIMULATED" if one.simulated else ""
    return f"{model} ({how}{mark}): {one.fps:.1f} frames/s{latency}, median of {runs}"
