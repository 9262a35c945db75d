"""The timeline: one lane per device, one bar per frame, from the stamps that the engine took."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from cluster4npu.core.metrics.traces import STATUS_DROPPED, STATUS_FAILED, STATUS_PASSED
from cluster4npu.ui import theme
from cluster4npu.ui.text import tr
from cluster4npu.ui.visualizer.frame_log import FrameLog

SOURCE_LANE = "source"
LIVE_S = 2.0  # what is seen of a run that goes on
_OPTIONS = re.compile(r"\?[^#]*")
_LABEL_PX, _RULER_PX, _LANE_PX = 92, 20, 34
_LEAST_S, _MOST_S = 0.002, 86_400.0
_TICKS = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    20,
    60,
    120,
    300,
    600,
    1800,
    3600,
)


class TimelineView(QWidget):
    """Draws a FrameLog. Times are seconds since the log's origin. `scrubbed` tells where the cursor was put."""

    scrubbed = Signal(float)

    def __init__(self, log: FrameLog, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.log = log
        self.workers: tuple[str, ...] = ()
        self.red: tuple[str, ...] = ()
        self.start_s, self.end_s = 0.0, LIVE_S
        self.cursor_s: float | None = None
        self._grabbed: QPointF | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumHeight(_RULER_PX + 2 * _LANE_PX)
        self.setAccessibleName(tr("Timeline: what each device did, frame by frame"))
        self.setToolTip("")
        theme.changes().changed.connect(self.update)

    def show_workers(self, workers: Sequence[str]) -> None:
        """Name the lanes, in the order of the workers' numbers."""
        self.workers = tuple(workers)
        self.setMinimumHeight(_RULER_PX + (1 + len(self.workers)) * 20)
        self.update()

    def mark(self, devices: Sequence[str]) -> None:
        """Draw the names of these devices in red: they hold the run back."""
        self.red = tuple(devices)
        self.update()

    def bars(self, lane: str) -> np.ndarray:
        """Return the lane's bars as an array (n, 4): frame, from, to, status; seconds since the origin."""
        rows = self.log.rows
        first, last = ("scheduled_ns", "captured_ns")
        if lane == SOURCE_LANE:
            rows = rows[rows["status"] != STATUS_PASSED]  # a row more for a stage on the way: read once
        if lane != SOURCE_LANE:
            rows = rows[rows["worker"] == self.workers.index(lane)]
            first, last = "started_ns", "finished_ns"
        rows = rows[(rows[first] > 0) & (rows[last] > 0)]
        origin = self.log.origin_ns
        times = [(rows[name] - origin) / 1e9 for name in (first, last)]
        return np.stack([rows["frame_id"].astype(float), *times, rows["status"].astype(float)], axis=1)

    # --- what part is seen ---

    def show_range(self, start_s: float, end_s: float) -> None:
        """Show this stretch."""
        span = min(max(end_s - start_s, _LEAST_S), _MOST_S)
        self.start_s = max(start_s, -span / 2)
        self.end_s = self.start_s + span
        self.update()

    def show_all(self) -> None:
        """Show everything there is."""
        self.show_range(0.0, self.last_s or LIVE_S)

    def follow(self) -> None:
        """Show the newest moments."""
        span = self.end_s - self.start_s
        self.show_range(self.last_s - span, self.last_s)

    def zoom(self, factor: float, around: float | None = None) -> None:
        """Show a stretch `factor` times as long, around a moment (the middle)."""
        at = (self.start_s + self.end_s) / 2 if around is None else around
        self.show_range(at - (at - self.start_s) * factor, at + (self.end_s - at) * factor)

    def set_cursor(self, time_s: float | None) -> None:
        """Put the cursor to this moment and keep it in sight."""
        self.cursor_s = time_s
        if time_s is not None and not self.start_s <= time_s <= self.end_s:
            half = (self.end_s - self.start_s) / 2
            self.show_range(time_s - half, time_s + half)
        self.update()

    @property
    def last_s(self) -> float:
        """Return the last moment there is."""
        return (self.log.end_ns - self.log.origin_ns) / 1e9 if self.log.end_ns else 0.0

    # --- gestures ---

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom(0.8 if event.angleDelta().y() > 0 else 1.25, self._time(event.position().x()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._grabbed = event.position()
        if event.position().y() < _RULER_PX:
            self._scrub(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        if self._grabbed.y() < _RULER_PX:
            self._scrub(event.position().x())
            return
        moved = (event.position().x() - self._grabbed.x()) * (self.end_s - self.start_s) / self._room()
        self._grabbed = event.position()
        self.show_range(self.start_s - moved, self.end_s - moved)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grabbed = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = (self.end_s - self.start_s) / 8
        at = self.cursor_s if self.cursor_s is not None else self.start_s
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.zoom(0.5)
            case Qt.Key.Key_Minus:
                self.zoom(2.0)
            case Qt.Key.Key_Left | Qt.Key.Key_Right if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                way = 1 if event.key() == Qt.Key.Key_Right else -1
                self.show_range(self.start_s + way * step, self.end_s + way * step)
            case Qt.Key.Key_Left:
                self.scrubbed.emit(max(0.0, at - step / 8))
            case Qt.Key.Key_Right:
                self.scrubbed.emit(min(self.last_s, at + step / 8))
            case Qt.Key.Key_Home:
                self.show_all()
            case Qt.Key.Key_End:
                self.follow()
            case _:
                super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.told(QPointF(event.pos())), self)
            return True
        return super().event(event)

    def told(self, place: QPointF) -> str:
        """Return what stands at a place of the widget: frame, device and times; "" for nothing."""
        lanes = [SOURCE_LANE, *self.workers]
        lane = int((place.y() - _RULER_PX) // self._lane_height())
        if place.y() < _RULER_PX or not 0 <= lane < len(lanes):
            return ""
        at, slack = self._time(place.x()), (self.end_s - self.start_s) / self._room()
        bars = self.bars(lanes[lane])
        hit = bars[(bars[:, 1] - slack <= at) & (at <= bars[:, 2] + slack)]
        if not len(hit):
            return ""
        frame, start, end, status = hit[0]
        words = {STATUS_FAILED: tr(", failed"), STATUS_DROPPED: tr(", dropped")}.get(int(status), "")
        where = tr("Frame {0:.0f} on {1}: {2:.2f} ms, from {3:.4f} s{4}")
        return where.format(frame, lanes[lane], (end - start) * 1e3, start, words)

    def _scrub(self, x: float) -> None:
        self.scrubbed.emit(min(max(self._time(x), 0.0), self.last_s))

    # --- drawing ---

    def sizeHint(self) -> QSize:
        return QSize(600, _RULER_PX + (1 + len(self.workers)) * _LANE_PX)

    def paintEvent(self, _event: QPaintEvent) -> None:
        c, painter = theme.colors(), QPainter(self)
        painter.fillRect(self.rect(), QColor(c.surface))
        self._draw_ruler(painter)
        height = self._lane_height()
        for number, lane in enumerate((SOURCE_LANE, *self.workers)):
            top = _RULER_PX + number * height
            painter.setPen(QColor(c.border))
            painter.drawLine(QPointF(0, top), QPointF(self.width(), top))
            self._draw_lane(painter, lane, QRectF(_LABEL_PX, top + 3, self._room(), height - 6), number - 1)
            painter.setPen(QColor(c.fail if lane in self.red else c.text))
            name = self._name(lane)
            label = f"▲ {name}" if lane in self.red else name
            shown = painter.fontMetrics().elidedText(label, Qt.TextElideMode.ElideMiddle, _LABEL_PX - 8)
            painter.drawText(QRectF(4, top, _LABEL_PX - 6, height), int(Qt.AlignmentFlag.AlignVCenter), shown)
        if self.cursor_s is not None and self.start_s <= self.cursor_s <= self.end_s:
            painter.setPen(QPen(QColor(c.accent), 2))
            x = self._x(self.cursor_s)
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))

    def _name(self, lane: str) -> str:
        """Return a device without its options, which would leave no room for its name, where that tells it apart."""
        short = _OPTIONS.sub("", lane)
        return short if sum(_OPTIONS.sub("", other) == short for other in self.workers) == 1 else lane

    def _draw_ruler(self, painter: QPainter) -> None:
        c = theme.colors()
        span = self.end_s - self.start_s
        step = next((t for t in _TICKS if span / t <= max(self._room() / 80, 2)), 7200)
        tick = np.ceil(self.start_s / step) * step
        while tick <= self.end_s:
            x = self._x(tick)
            painter.setPen(QColor(c.border))
            painter.drawLine(QPointF(x, _RULER_PX - 4), QPointF(x, self.height()))
            text = f"{tick * 1e3:.0f} ms" if step < 0.1 and span < 2 else f"{tick:g} s"
            if x + painter.fontMetrics().horizontalAdvance(text) + 4 < self.width() and tick >= 0:
                painter.setPen(QColor(c.muted))
                painter.drawText(QPointF(x + 3, _RULER_PX - 6), text)
            tick = round(tick + step, 9)

    def _draw_lane(self, painter: QPainter, lane: str, place: QRectF, number: int) -> None:
        bars = self.bars(lane)
        bars = bars[(bars[:, 2] >= self.start_s) & (bars[:, 1] <= self.end_s)]
        if not len(bars):
            return
        color = QColor(theme.colors().muted if number < 0 else theme.colors().line(number))
        left = np.clip(self._xs(bars[:, 1]), place.left(), place.right())
        right = np.clip(self._xs(bars[:, 2]), place.left(), place.right())
        if len(bars) > self._room():
            _draw_columns(painter, place, left, right, color)
            return
        fails = QColor(theme.colors().fail)
        lighter = QColor(color)
        lighter.setAlpha(150)
        painter.setPen(Qt.PenStyle.NoPen)
        for number_of_bar, (x, end, status) in enumerate(zip(left, right, bars[:, 3], strict=True)):
            painter.setBrush(fails if status == STATUS_FAILED else lighter if number_of_bar % 2 else color)
            painter.drawRect(QRectF(x, place.top(), max(end - x, 1.0), place.height()))

    def _lane_height(self) -> float:
        return min(float(_LANE_PX), (self.height() - _RULER_PX) / (1 + len(self.workers)))

    def _room(self) -> float:
        return max(self.width() - _LABEL_PX - 4.0, 20.0)

    def _x(self, time_s: float) -> float:
        return _LABEL_PX + (time_s - self.start_s) / (self.end_s - self.start_s) * self._room()

    def _xs(self, times_s: np.ndarray) -> np.ndarray:
        return np.asarray(_LABEL_PX + (times_s - self.start_s) / (self.end_s - self.start_s) * self._room())

    def _time(self, x: float) -> float:
        return self.start_s + (x - _LABEL_PX) / self._room() * (self.end_s - self.start_s)


def _draw_columns(
    painter: QPainter, place: QRectF, left: np.ndarray, right: np.ndarray, color: QColor
) -> None:
    """Draw more bars than there are pixels: each column as strong as the part of its time that is filled."""
    width = int(place.width())
    first = np.clip((left - place.left()).astype(int), 0, width - 1)
    filled = np.zeros(width + 1)
    np.add.at(filled, first, np.minimum(right - left, 1.0))
    long = right - left > 1.0
    for start, end in zip(left[long] - place.left(), right[long] - place.left(), strict=True):
        filled[int(start) : int(end)] = 1.0
    for column in np.flatnonzero(filled[:width] > 0.02):
        color.setAlphaF(float(min(1.0, 0.15 + 0.85 * filled[column])))
        painter.fillRect(QRectF(place.left() + column, place.top(), 1.0, place.height()), color)
