"""A chart of a few values over the last minute, cheap enough to run beside the engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED, figure

WINDOW_S = 60.0
REDRAW_MS = 50
_CAPACITY = 1024


class _SecondsAxis(pg.AxisItem):
    """Time since the run began; the unit stands at the last number, which saves a line for it."""

    def tickStrings(self, values: Sequence[float], _scale: float, _spacing: float) -> list[str]:
        texts = [f"{value:g}" for value in values]
        return [*texts[:-1], f"{texts[-1]} s"] if texts else []


class LiveChart(QWidget):
    """Lines over time, newest at the right. None is a gap in the line, and "not reported" in the header.

    `series` names the lines; `unit` stands on the axis and behind the newest values.
    """

    def __init__(self, title: str, unit: str, series: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title, self.unit, self.series = title, unit, tuple(series)
        self._times = np.empty(_CAPACITY)
        self._values = np.full((len(self.series), _CAPACITY), np.nan)
        self._count = 0
        self._ended: tuple[float | None, ...] | None = None
        self._header = QLabel(title)
        self._header.setProperty("role", "subheading")
        self._newest = QLabel()
        self._newest.setTextFormat(Qt.TextFormat.RichText)
        self._newest.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._newest.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.plot = pg.PlotWidget(self, axisItems={"bottom": _SecondsAxis("bottom")})
        self._make_plot()
        self._curves = [self.plot.plot(connect="finite") for _ in self.series]
        head = QHBoxLayout()
        head.addWidget(self._header)
        head.addWidget(self._newest, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self._draw)
        theme.changes().changed.connect(self._dress)
        self._dress()

    def append(self, time_s: float, *values: float | None) -> None:
        """Add the newest value of each line; drawn within 50 ms, and at most 20 times a second."""
        if self._count == _CAPACITY:
            half = _CAPACITY // 2
            self._times[:half] = self._times[half:]
            self._values[:, :half] = self._values[:, half:]
            self._count = half
        self._times[self._count] = time_s
        self._values[:, self._count] = [np.nan if v is None else v for v in values]
        self._count += 1
        if not self._redraw.isActive():
            self._redraw.start()

    def show_end(self, *totals: float | None) -> None:
        """Show these values of the whole run in the header; without any, say that the newest are the last ones."""
        self._ended = totals
        self._draw()

    def clear(self) -> None:
        """Forget every value."""
        self._count, self._ended = 0, None
        self._draw()

    def newest(self) -> tuple[float | None, ...]:
        """Return the newest value of each line; None where it was not reported."""
        if not self._count:
            return tuple(None for _ in self.series)
        column = self._values[:, self._count - 1]
        return tuple(None if np.isnan(v) else float(v) for v in column)

    def points(self, line: int = 0) -> int:
        """Return how many reported values the line holds."""
        return int(np.isfinite(self._values[line, : self._count]).sum())

    def _make_plot(self) -> None:
        self.plot.setMouseEnabled(False, False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMinimumSize(100, 70)
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        item = self.plot.getPlotItem()
        item.getAxis("left").setWidth(52)
        item.showGrid(y=True, alpha=0.15)
        for axis in ("left", "bottom"):
            item.getAxis(axis).enableAutoSIPrefix(False)
            item.getAxis(axis).setStyle(maxTickLevel=0)
        item.setLabel("left", self.unit)

    def _draw(self) -> None:
        self._show_newest()
        if not self._count:
            for curve in self._curves:
                curve.setData([], [])
            self.plot.setXRange(0, WINDOW_S, padding=0)
            return
        times = self._times[: self._count]
        first = int(np.searchsorted(times, times[-1] - WINDOW_S))
        shown = self._values[:, first : self._count]
        for curve, values in zip(self._curves, shown, strict=True):
            alone = int(np.isfinite(values).sum()) == 1  # no line goes through one point
            curve.setData(times[first:], values, symbol="o" if alone else None, symbolSize=6)
        end = max(float(times[-1]), float(times[first]) + 10.0)
        self.plot.setXRange(max(0.0, end - WINDOW_S), end, padding=0)
        finite = shown[np.isfinite(shown)]
        self.plot.setYRange(0.0, max(float(finite.max()) * 1.15, 1e-6) if finite.size else 1.0, padding=0)

    def _show_newest(self) -> None:
        if not self._count:
            self._newest.setText("")
            return
        values = self._ended or self.newest()
        if all(value is None for value in values):
            self._newest.setText(NOT_REPORTED)
            return
        parts = []
        for index, (name, value) in enumerate(zip(self.series, values, strict=True)):
            text = NOT_REPORTED if value is None else figure(value)
            label = f"{name}&nbsp;" if len(self.series) > 1 else ""
            parts.append(f'<span style="color:{theme.colors().line(index)}">{label}<b>{text}</b></span>')
        self._write(parts)
        while len(parts) > 1 and self._newest.sizeHint().width() > self._room():
            parts.pop(0 if len(parts) > 2 else -1)  # the middle one is what is judged
            self._write(parts)

    def _write(self, parts: Sequence[str]) -> None:
        last = "last&nbsp;" if self._ended == () else ""
        self._newest.setText(last + " &nbsp;".join(parts) + f"&nbsp;{self.unit}")

    def _room(self) -> int:
        return self.width() - self._header.sizeHint().width() - 14

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_newest()

    def _dress(self) -> None:
        c = theme.colors()
        self.plot.setBackground(c.surface)
        for axis in ("left", "bottom"):
            item = self.plot.getPlotItem().getAxis(axis)
            item.setPen(pg.mkPen(c.border))
            item.setTextPen(pg.mkPen(c.muted))
        for index, curve in enumerate(self._curves):
            curve.setPen(pg.mkPen(c.line(index), width=2))
            curve.setSymbolPen(None)
            curve.setSymbolBrush(c.line(index))
        self._draw()
