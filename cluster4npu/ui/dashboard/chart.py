"""A chart of a few values over time, cheap enough to run beside the engine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.export import ExportButton, Table
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED, figure
from cluster4npu.ui.dashboard.series import CAPACITY, SeriesStore
from cluster4npu.ui.text import tr

WINDOW_S = 60.0
LEAST_S = 0.5  # the shortest stretch that one can zoom to
REDRAW_MS = 50
_APART = 16  # of a chart's period, by which it comes behind the one before
_STEP_S = 5.0  # by which the time's axis moves on: it is drawn anew each time
_TICK_GAP_PX = 6
_HEAD_GAPS_PX = 18  # between title, numbers and button
_WIDEST = "1234"  # of a number in the header
KEYS = "Keys: + and - zoom, Left and Right move, Home shows the whole run, End follows the newest."


class _SecondsAxis(pg.AxisItem):
    """Time since the run began; the unit stands at each number, which saves a line for it."""

    def tickStrings(self, values: Sequence[float], _scale: float, _spacing: float) -> list[str]:
        return [f"{value:g} s" for value in values]

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        """Return the closest spacing whose numbers keep clear of each other on so many pixels."""
        width_of = QFontMetricsF(self.font()).horizontalAdvance
        px = size / max(high - low, 1e-9)
        for step in (digit * 10.0**power for power in range(-3, 7) for digit in (1, 2, 5)):
            last = math.ceil(high / step) * step - step
            if step * px >= width_of(f"{last:g} s") + _TICK_GAP_PX:
                return [(step, 0.0)]
        return [(1e7, 0.0)]


_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
_PIECES = ("──", "- -", "···")  # of the same lines, in words


class LiveChart(QWidget):
    """Lines over time, newest at the right. None is a gap in the line, and "not reported" in the header.

    `series` names the lines; `unit` stands on the axis and behind the newest values. With `band` the room between
    the first line and the last is filled. Wheel and mouse zoom and move along the time; `End` follows again.
    """

    def __init__(
        self,
        title: str,
        unit: str,
        series: Sequence[str],
        parent: QWidget | None = None,
        *,
        band: bool = False,
        capacity: int = CAPACITY,
    ) -> None:
        super().__init__(parent)
        self.title, self.unit, self.series = title, unit, tuple(series)
        self.store = SeriesStore(len(self.series), capacity)
        self.following, self.paused = True, False
        self._ended: tuple[float | None, ...] | None = None
        self._top, self._numbered = 0.0, True  # of the values' axis
        self._form: tuple[object, int] = (None, 0)  # of the numbers in the header that fits, and for what
        self._header = QLabel(title)
        theme.give_role(self._header, "subheading")
        self._newest = QLabel()
        self._newest.setTextFormat(Qt.TextFormat.RichText)
        self._newest.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._newest.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._names = QLabel()  # of the lines, where the header has no room for them
        self._names.setTextFormat(Qt.TextFormat.RichText)
        self._names.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._names.setWordWrap(True)
        self._names.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._names.setVisible(len(self.series) > 1)
        self.menu_button = ExportButton(self, title, self.table)
        self.plot = pg.PlotWidget(self, axisItems={"bottom": _SecondsAxis("bottom")})
        self._make_plot()
        self._curves = [self.plot.plot(connect="finite") for _ in self.series]
        self._band = _band(self.plot, self._curves) if band else None
        self._lay_out()
        self._make_menu()
        self._turn, self._period_ms = 0, REDRAW_MS
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.timeout.connect(self._draw)
        self.plot.getViewBox().sigRangeChangedManually.connect(self._moved_by_hand)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Chart: {0} in {1}").format(title, unit))
        theme.changes().changed.connect(self._dress)
        self._dress()

    # --- what is shown ---

    def append(self, time_s: float, *values: float | None) -> None:
        """Add the newest value of each line; drawn within 50 ms, and at most 20 times a second, or at its pace."""
        self.store.append(time_s, values)
        self._draw_soon()

    def extend(self, times_s: np.ndarray, values: np.ndarray) -> None:
        """Add many points at once: times (n,), values (lines, n)."""
        self.store.extend(times_s, values)
        self._draw_soon()

    def show_end(self, *totals: float | None) -> None:
        """Show these values of the whole run in the header; without any the newest stay there."""
        self._ended = totals or None
        self._draw()

    def clear(self) -> None:
        """Forget every value."""
        self.store.clear()
        self._ended, self.following = None, True
        self._draw()

    def newest(self) -> tuple[float | None, ...]:
        """Return the newest value of each line; None where it was not reported."""
        if not self.store.count:
            return tuple(None for _ in self.series)
        return tuple(None if np.isnan(v) else float(v) for v in self.store.values[:, -1])

    def points(self, line: int = 0) -> int:
        """Return how many reported values the line holds."""
        return int(np.isfinite(self.store.values[line]).sum())

    def table(self) -> Table:
        """Return everything that is kept as a table, for CSV."""
        names = [f"{self.title.lower()} {name} ({self.unit})" for name in self.series]
        return ["time (s)", *names], self._rows()

    def _rows(self) -> Iterable[list[float | None]]:
        for time_s, *values in zip(self.store.times, *self.store.values, strict=True):
            yield [round(float(time_s), 6), *(None if np.isnan(v) else float(v) for v in values)]

    def set_pace(self, redraw_ms: int, turn: int = 0) -> None:
        """Draw what comes after this time, with all that comes meanwhile; charts of one tab have turns, 0 the first, so
        that they are not drawn all at once.
        """
        self._turn = turn
        self._period_ms = redraw_ms + redraw_ms // _APART * turn

    # --- what part of the time is seen ---

    def set_paused(self, paused: bool) -> None:
        """Keep the picture as it is, and go on recording; off: follow the newest again."""
        self.paused = paused
        if paused:
            self.following = False
        else:
            self.follow()

    def follow(self) -> None:
        """Show the newest minute from now on."""
        self.following = True
        self._draw()

    def show_all(self) -> None:
        """Show everything that is kept."""
        times = self.store.times
        if len(times):
            self.show_range(float(times[0]), float(times[-1]))

    def show_range(self, start_s: float, end_s: float) -> None:
        """Show this stretch and stay there."""
        self.following = False
        self.plot.setXRange(start_s, max(end_s, start_s + LEAST_S), padding=0)
        self._draw()

    def zoom(self, factor: float) -> None:
        """Show a stretch that is `factor` times as long, around the same middle."""
        low, high = self.plot.viewRange()[0]
        half = max((high - low) * factor, LEAST_S) / 2
        self.show_range((low + high) / 2 - half, (low + high) / 2 + half)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        low, high = self.plot.viewRange()[0]
        step = (high - low) / 4
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.zoom(0.5)
            case Qt.Key.Key_Minus:
                self.zoom(2.0)
            case Qt.Key.Key_Left:
                self.show_range(low - step, high - step)
            case Qt.Key.Key_Right:
                self.show_range(low + step, high + step)
            case Qt.Key.Key_Home:
                self.show_all()
            case Qt.Key.Key_End:
                self.follow()
            case _:
                super().keyPressEvent(event)

    def _moved_by_hand(self) -> None:
        self.following = False
        self._draw_soon()

    # --- inside ---

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self._header)
        head.addWidget(self._newest, 1)
        head.addWidget(self.menu_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self._names)
        layout.addWidget(self.plot, 1)
        self.plot.setToolTip(tr(KEYS))

    def minimumSizeHint(self) -> QSize:
        """Return what the header needs for a number of each line, without names and unit."""
        bold = QFont(self._newest.font())
        bold.setBold(True)
        number = QFontMetricsF(bold).horizontalAdvance(f"{_WIDEST}  ")
        head = self.width() - self._room()
        needed = QSize(math.ceil(head + number * len(self.series)), 0)
        return super().minimumSizeHint().expandedTo(needed)

    def _make_menu(self) -> None:
        menu = self.menu_button.menu()
        first = menu.actions()[0]
        for text, slot in (
            ("Follow the newest", self.follow),
            ("Show the whole run", self.show_all),
            ("Zoom in", lambda: self.zoom(0.5)),
            ("Zoom out", lambda: self.zoom(2.0)),
        ):
            action = menu.addAction(tr(text))
            action.triggered.connect(lambda _=False, slot=slot: slot())
            menu.insertAction(first, action)
        menu.insertSeparator(first)

    def _make_plot(self) -> None:
        self.plot.setMouseEnabled(True, False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMinimumSize(100, 70)
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keys are ours
        item = self.plot.getPlotItem()
        item.getAxis("left").setWidth(52)
        item.showGrid(y=True, alpha=0.15)
        for axis in ("left", "bottom"):
            item.getAxis(axis).enableAutoSIPrefix(False)
            item.getAxis(axis).setStyle(maxTickLevel=0)
        item.setLabel("left", self.unit)

    def _draw_soon(self) -> None:
        if not self._redraw.isActive() and self.isVisible():
            self._redraw.start(self._period_ms)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._redraw.start(REDRAW_MS * (1 + self._turn))  # nothing was drawn while it was behind another tab

    def _draw(self) -> None:
        if not self.paused:
            self._show_newest()
        if not self.store.count:
            for curve in self._curves:
                curve.setData([], [])
            self.plot.setXRange(0, WINDOW_S, padding=0)
            self._scale_to(None)
            return
        if self.following:
            first, end = float(self.store.times[0]), float(self.store.times[-1])
            end = max(end, max(first, end - WINDOW_S) + 10.0)
            end = math.ceil(end / _STEP_S) * _STEP_S
            self.plot.setXRange(max(0.0, end - WINDOW_S), end, padding=0)
        low, high = self.plot.viewRange()[0]
        times, shown = self.store.seen(low, high, max(self.plot.width(), 100))
        for curve, values in zip(self._curves, shown, strict=True):
            alone = int(np.isfinite(values).sum()) == 1  # no line goes through one point
            curve.setData(times, values, symbol="o" if alone else None, symbolSize=6)
        finite = shown[np.isfinite(shown)]
        self._scale_to(float(finite.max()) if finite.size else None)

    def _scale_to(self, highest: float | None) -> None:
        """Let the values' axis go from 0 to a little over the highest; it has no numbers while nothing is shown.

        It stays while the highest value is in its upper half: axes and grid are the most of what a picture costs.
        """
        if highest is None or not 0.5 * self._top < highest < 0.97 * self._top:
            self._top = (highest or 0.0) * 1.15 or 1.0
            self.plot.setYRange(0.0, self._top, padding=0)
        if self._numbered != (highest is not None):
            self._numbered = highest is not None
            self.plot.getPlotItem().getAxis("left").setStyle(showValues=self._numbered)

    def _show_newest(self) -> None:
        if not self.store.count:
            self._newest.setText("")
            self._names.setText("")
            return
        values = self._ended or self.newest()
        if all(value is None for value in values):
            self._newest.setText(tr(NOT_REPORTED))
            return
        whole = self._parts(values, named=len(self.series) > 1)
        short = self._parts(values, named=False)
        shortest = short.replace(tr(NOT_REPORTED), "—")
        unit = f"&nbsp;{self.unit}"
        forms = (whole + unit, whole, short + unit, short, shortest)
        asked = (len(whole), self.width(), theme.colors())
        if self._form[0] != asked:  # digits are equally wide: the same number of letters fits again
            self._form = asked, self._first_that_fits(forms)
        self._newest.setText(forms[self._form[1]])
        self._names.setText("" if self._form[1] < 2 else self._legend())

    def _first_that_fits(self, forms: Sequence[str]) -> int:
        room = self._room()
        for number, text in enumerate(forms):
            self._newest.setText(text)
            if self._newest.sizeHint().width() <= room:
                return number
        return len(forms) - 1

    def _parts(self, values: Sequence[float | None], *, named: bool) -> str:
        parts = []
        for index, (name, value) in enumerate(zip(self.series, values, strict=True)):
            counted = self.unit == "frames" and value is not None
            text = f"{value:.0f}" if counted else tr(NOT_REPORTED) if value is None else figure(value)
            label = f"{name}&nbsp;" if named else ""
            parts.append(f'<span style="color:{theme.colors().line(index)}">{label}<b>{text}</b></span>')
        return " &nbsp;".join(parts)

    def _legend(self) -> str:
        """Return the names of the lines, each in its colour and behind a piece of its line."""
        color = theme.colors().line
        names = [
            f'<span style="color:{color(i)}">{_PIECES[i % len(_PIECES)]}&nbsp;{n}</span>'
            for i, n in enumerate(self.series)
        ]
        return " &nbsp;".join(names)

    def _room(self) -> int:
        return (
            self.width()
            - self._header.sizeHint().width()
            - self.menu_button.sizeHint().width()
            - _HEAD_GAPS_PX
        )

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
            curve.setPen(pg.mkPen(c.line(index), width=2, style=_STYLES[index % len(_STYLES)]))
            curve.setSymbolPen(None)
            curve.setSymbolBrush(c.line(index))
        if self._band is not None:
            fill = QColor(c.line(0))
            fill.setAlpha(50)
            self._band.setBrush(fill)
        self._draw()


def _band(plot: pg.PlotWidget, curves: Sequence[pg.PlotDataItem]) -> pg.FillBetweenItem:
    """Fill the room between the first and the last line."""
    item = pg.FillBetweenItem(curves[0].curve, curves[-1].curve)
    item.setZValue(-10)
    plot.addItem(item)
    return item
