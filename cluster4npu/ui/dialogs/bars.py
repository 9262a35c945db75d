"""Horizontal bars with their figures, drawn to one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.text import told

_ROW_PX = 30
_BAR_PX = 18
_GAP_PX = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `value` None is drawn without one. `color` is a number of the theme's series."""

    title: str
    value: float | None
    text: str
    color: int = 0
    strong: bool = False


class Bars(QWidget):
    """Shows bars below each other; titles on the left, figures behind the bars."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._bars: tuple[Bar, ...] = ()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changes().changed.connect(self.update)

    def show_bars(self, bars: Sequence[Bar]) -> None:
        """Show these bars."""
        self._bars = tuple(replace(bar, title=told(bar.title), text=told(bar.text)) for bar in bars)
        self.setAccessibleDescription("; ".join(f"{bar.title}: {bar.text}" for bar in self._bars))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, _ROW_PX * max(1, len(self._bars)))

    def minimumSizeHint(self) -> QSize:
        return QSize(260, _ROW_PX * max(1, len(self._bars)))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bold = QFont(self.font())
        bold.setBold(True)
        metrics = QFontMetrics(bold)
        titles = max((metrics.horizontalAdvance(bar.title) for bar in self._bars), default=0)
        left = min(titles + 16, int(self.width() * 0.38))
        right = max((metrics.horizontalAdvance(bar.text) for bar in self._bars), default=0)
        room = max(20, self.width() - left - right - 2 * _GAP_PX)
        top = max((bar.value or 0.0 for bar in self._bars), default=0.0) or 1.0
        for row, bar in enumerate(self._bars):
            painter.setFont(bold if bar.strong else self.font())
            length = max(2.0, room * (bar.value or 0.0) / top)
            _draw(painter, bar, QRectF(left, row * _ROW_PX, length, _ROW_PX), right)


def _draw(painter: QPainter, bar: Bar, place: QRectF, right: float) -> None:
    """Draw one bar at `place`, its title left of it, its figure behind it in `right` px."""
    colors = theme.colors()
    across = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
    left = int(place.left())
    painter.setPen(QColor(colors.text))
    title = painter.fontMetrics().elidedText(bar.title, Qt.TextElideMode.ElideMiddle, left)
    painter.drawText(QRectF(0, place.top(), left, _ROW_PX), across, title)
    start = left + _GAP_PX
    if bar.value is None:
        painter.setPen(QColor(colors.muted))
        painter.drawText(QRectF(start, place.top(), right + _GAP_PX, _ROW_PX), across, bar.text)
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colors.line(bar.color)))
    painter.drawRoundedRect(
        QRectF(start, place.top() + (_ROW_PX - _BAR_PX) / 2, place.width(), _BAR_PX), 3, 3
    )
    painter.setPen(QColor(colors.text))
    behind = start + place.width() + _GAP_PX / 2
    painter.drawText(QRectF(behind, place.top(), right + _GAP_PX, _ROW_PX), across, bar.text)
