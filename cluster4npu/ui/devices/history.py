"""A device's load and temperature over the looks that are kept, also those before a restart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from cluster4npu.core.devices.history import Sample
from cluster4npu.ui import theme
from cluster4npu.ui.text import tr

_LEAST_S = 60.0  # that the axis of time shows: of one look alone it would count milliseconds
_ABOVE_PX = 8  # half of the uppermost label


class DeviceHistoryChart(QWidget):
    """Two lines over time: load in percent, temperature in degrees Celsius. Gaps are what was not reported."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.samples: tuple[Sample, ...] = ()
        self.note = QLabel(tr("No device is chosen."))
        theme.give_role(self.note, "muted")
        self.plot = pg.PlotWidget(self, axisItems={"bottom": pg.DateAxisItem()})
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setYRange(0, 100, padding=0.02)
        self.plot.getPlotItem().layout.setContentsMargins(0, _ABOVE_PX, 0, 0)
        self.plot.setMinimumHeight(90)
        self.plot.setAccessibleName(tr("History of load and temperature"))
        self._lines = [self.plot.plot(connect="finite") for _ in range(2)]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.note)
        theme.changes().changed.connect(self._dress)
        self._dress()

    def show_history(self, samples: Sequence[Sample]) -> None:
        """Show these looks, oldest first."""
        self.samples = tuple(samples)
        times = np.array([sample.at for sample in samples], float)
        load = [None if s.utilization is None else 100 * s.utilization for s in samples]
        for line, values in zip(self._lines, (load, [s.temperature_c for s in samples]), strict=True):
            known = np.array([np.nan if value is None else value for value in values], float)
            line.setData(times, known) if np.isfinite(known).any() else line.clear()
        if len(times):
            middle, half = (times[0] + times[-1]) / 2, max((times[-1] - times[0]) / 2, _LEAST_S / 2)
            self.plot.setXRange(middle - half, middle + half, padding=0.02)
        heat = any(s.temperature_c is not None for s in samples)
        words = (
            tr("Looks: {0}. Load in %, temperature in °C")
            if heat
            else tr("Looks: {0}. Load in %; temperature not reported")
        )
        self.note.setText(
            words.format(len(samples))
            if any(v is not None for v in load) or heat
            else tr("Nothing is reported of this device.")
        )

    def points(self, line: int) -> int:
        """Return how many points the line of the load (0) or of the temperature (1) has."""
        values = self._lines[line].getData()[1]
        return 0 if values is None else int(np.isfinite(values).sum())

    def _dress(self) -> None:
        c = theme.colors()
        self.plot.setBackground(QColor(c.surface))
        for axis in ("left", "bottom"):
            self.plot.getAxis(axis).setPen(QColor(c.border))
            self.plot.getAxis(axis).setTextPen(QColor(c.muted))
        for line, color in zip(self._lines, c.series, strict=False):
            line.setPen(pg.mkPen(QColor(color), width=2))
