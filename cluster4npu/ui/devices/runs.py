"""What a device made of each model in the stored runs: a point for each run over time, and the profile in words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from cluster4npu.core.store.device_runs import DeviceRun, ModelProfile, profile
from cluster4npu.ui import theme
from cluster4npu.ui.text import tr

_MOST_MODELS = 6
_POINT_PX = 7
_LEAST_S = 1800.0  # that the axis of time shows


class DeviceRunsChart(QWidget):
    """Frames/s of one worker of a device over its stored runs, a colour for each model and precision."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.runs: tuple[DeviceRun, ...] = ()
        self._models: tuple[ModelProfile, ...] = ()
        self.note = QLabel()
        self.note.setTextFormat(Qt.TextFormat.RichText)  # names are escaped
        theme.give_role(self.note, "muted")
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
        self.runs, self._models = tuple(runs), profile(runs)
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
        of_model: dict[tuple[object, ...], list[DeviceRun]] = {model.key: [] for model in self._models}
        for run in self.runs:
            of_model[run.key].append(run)
        groups = [*of_model.values(), *([[]] * _MOST_MODELS)]
        for number, (group, shown) in enumerate(zip(self._groups, groups, strict=False)):
            brush = pg.mkBrush(_color(number))
            group.setData([run.at.timestamp() for run in shown], [run.fps for run in shown], brush=brush)
        self._scale()
        self._tell()

    def _scale(self) -> None:
        """Show rates from 0 on, and half an hour at least: of one run alone the axis would count its milliseconds."""
        times = [run.at.timestamp() for run in self.runs] or [0.0]
        middle, half = (min(times) + max(times)) / 2, max((max(times) - min(times)) / 2, _LEAST_S / 2)
        self.plot.setXRange(middle - half, middle + half, padding=0.05)
        self.plot.setVisible(bool(self.runs))  # without any it would show the first day of 1970
        self.plot.setYRange(0.0, 1.1 * max((run.fps for run in self.runs), default=1.0), padding=0.0)

    def _tell(self) -> None:
        """Write the profile beside its colours."""
        lines = [text_of(model) for model in self._models[:_MOST_MODELS]]
        more = len(self._models) - len(lines)
        rest = [tr("and {0} more").format(more)] if more else []
        none = [] if lines else [tr("No stored run has used this device.")]
        dots = (
            f'<span style="color: {_color(n)}">\N{BLACK CIRCLE}</span> {escape(t)}'
            for n, t in enumerate(lines)
        )
        self.note.setText("<br>".join([*dots, *rest, *none]))
        told = "\n".join([*lines, *rest, *none])
        self.note.setAccessibleName(told)
        self.plot.setAccessibleName(tr("Frames/s in stored runs. {0}").format(told))


def _color(number: int) -> str:
    series = theme.colors().series
    return series[number % len(series)]


def text_of(one: ModelProfile) -> str:
    """Return what a device makes of one model, in words."""
    model = one.model or "no model"
    how = f"{one.precision}, " if one.precision else ""
    how += "alone" if one.alone else "beside others"
    latency = "" if one.latency_p95_ms is None else f", p95 {one.latency_p95_ms:.1f} ms"
    runs = f"{one.runs} run{'s' * (one.runs != 1)}"
    mark = ", SIMULATED" if one.simulated else ""
    return f"{model} ({how}{mark}): {one.fps:.1f} frames/s{latency}, median of {runs}"
