"""One question over time: a point for each stored run, and a line where it became another."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cluster4npu.core.compare import Trend
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.text import tr

_MOST_DATES = 4
_POINT_PX = 7
_CHOSEN_PX = 12


class PerformanceTrendChart(QWidget):
    """Points in the order of their runs, equally apart; `picked` carries the id of a run that was clicked.

    `values` are the stored rates, oldest first.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.trend: Trend | None = None
        self.values = np.zeros(0)
        self._chosen = ""
        self.title = plain_label()
        theme.give_role(self.title, "subheading")
        self.changes = plain_label()
        theme.give_role(self.changes, "muted")
        self.plot = pg.PlotWidget(self)
        self.plot.setAccessibleName(tr("Trend of the rate"))
        self.plot.setMenuEnabled(False)
        self.plot.setMinimumHeight(150)
        self._points = pg.ScatterPlotItem(size=_POINT_PX)
        self._points.sigClicked.connect(self._clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.addWidget(self.title)
        layout.addWidget(self.plot)
        layout.addWidget(self.changes)
        theme.changes().changed.connect(self._draw)

    def show_trend(self, trend: Trend | None, chosen: str = "") -> None:
        """Show a trend with one of its runs marked; hidden where there are less than two runs."""
        self.trend, self._chosen = trend, chosen
        self.values = np.array([point.fps for point in trend.points] if trend else [], dtype=np.float64)
        if trend is None:
            return
        marked = tr(" (SIMULATED)") if trend.simulated else ""
        self.title.setText(
            tr("Frames/s of {0:,} runs of this kind, oldest first{1}").format(len(trend.points), marked)
        )
        self.changes.setText("\n".join(change_texts(trend)))
        self.setAccessibleName(tr("Chart: {0}. {1}").format(self.title.text(), self.changes.text()))
        self._draw()

    @Slot()
    def _draw(self) -> None:
        if self.trend is None:
            return
        colors = theme.colors()
        self.plot.clear()
        self.plot.setBackground(colors.surface)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setPen(colors.border)
            self.plot.getAxis(side).setTextPen(colors.text)
        places = np.arange(len(self.values))
        self.plot.plot(places, self.values, pen=pg.mkPen(colors.muted, width=1))
        ids = [point.run_id for point in self.trend.points]
        sizes = [_CHOSEN_PX if run_id == self._chosen else _POINT_PX for run_id in ids]
        self._points.setData(
            places, self.values, size=sizes, data=ids, brush=pg.mkBrush(colors.accent), pen=None
        )
        self.plot.addItem(self._points)
        for change in self.trend.changes:
            line = pg.InfiniteLine(change.index - 0.5, pen=pg.mkPen(colors.warn, style=Qt.PenStyle.DashLine))
            self.plot.addItem(line)
        self.plot.getAxis("bottom").setTicks([self._dates()])
        self.plot.enableAutoRange()

    def _dates(self) -> list[tuple[float, str]]:
        """Return where days stand below the runs, and which: a few of them, for there is room for no more."""
        points = self.trend.points if self.trend is not None else ()
        step = max(1, -(-len(points) // _MOST_DATES))
        return [
            (float(n), f"{points[n].at.astimezone():%Y-%m-%d\n%H:%M}") for n in range(0, len(points), step)
        ]

    @Slot(object, object)
    def _clicked(self, _item: object, spots: list[pg.SpotItem]) -> None:
        if len(spots):
            self.picked.emit(str(spots[0].data()))


def change_texts(trend: Trend) -> list[str]:
    """Return each change in words, oldest first."""
    if not trend.changes:
        return ["No change is found." if len(trend.points) >= 6 else "A change shows from six runs on."]
    return [
        f"From run {change.run_id} on: {change.before:.1f} to {change.after:.1f} frames/s ({change.ratio:.3f}x)"
        for change in trend.changes
    ]
