"""The whole pipeline in a corner of the canvas, with the part that is seen; a click or drag looks elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.text import tr

_WIDTH, _HEIGHT, _MARGIN, _PAD = 190, 130, 12, 6

Spots = Sequence[
    tuple[float, float, float, float, str]
]  # left, top, width, height of each node, and its colour


class Minimap(QWidget):
    """Shows itself only while part of the pipeline is out of view. `looked_at` carries a QPointF of the scene."""

    looked_at = Signal(object)

    def __init__(self, spots: Callable[[], Spots], parent: QWidget) -> None:
        super().__init__(parent)
        self._spots = spots
        self._around = parent
        self._all = QRectF()
        self._seen = QRectF()
        self._picture: QPixmap | None = None
        self._wanted = True
        self.setFixedSize(_WIDTH, _HEIGHT)
        self.setAccessibleName(tr("Overview of the pipeline"))
        self.setToolTip(tr("Overview: click or drag to look elsewhere (M hides it)"))
        self.setCursor(Qt.CursorShape.CrossCursor)
        parent.installEventFilter(self)
        self.hide()

    @property
    def wanted(self) -> bool:
        """Tell whether the user wants to see it at all."""
        return self._wanted

    @wanted.setter
    def wanted(self, on: bool) -> None:
        self._wanted = on
        self._place()

    def forget(self) -> None:
        """Draw the nodes anew when it is next painted: they have changed."""
        self._picture = None
        self.update()

    def show_seen(self, seen: QRectF, everything: QRectF) -> None:
        """Mark the part of the scene that is seen."""
        if everything != self._all:
            self._all = QRectF(everything)
            self._picture = None
        self._seen = QRectF(seen)
        self._place()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colors()
        painter = QPainter(self)
        if self._picture is None:
            self._picture = self._drawn()
        painter.drawPixmap(0, 0, self._picture)
        shown = QRectF(self._to_map(self._seen.topLeft()), self._to_map(self._seen.bottomRight()))
        painter.setPen(QPen(QColor(c.accent), 1.5))
        painter.drawRect(shown.intersected(QRectF(self.rect()).adjusted(1, 1, -2, -2)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._look(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._look(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def _look(self, event: QMouseEvent) -> None:
        scale, left, top = self._scale()
        at = event.position()
        self.looked_at.emit(QPointF((at.x() - left) / scale, (at.y() - top) / scale))
        event.accept()

    def _drawn(self) -> QPixmap:
        c = theme.colors()
        ratio = self.devicePixelRatioF()
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        back = QColor(c.raised)
        back.setAlpha(235)
        picture.fill(back)
        painter = QPainter(picture)
        scale, left, top = self._scale()
        by_color: dict[str, list[QRectF]] = {}
        for x, y, width, height, color in self._spots():
            spot = QRectF(
                x * scale + left, y * scale + top, max(width * scale, 2.0), max(height * scale, 2.0)
            )
            by_color.setdefault(color, []).append(spot)
        painter.setPen(Qt.PenStyle.NoPen)
        for color, spots in by_color.items():
            painter.setBrush(QColor(color))
            painter.drawRects(spots)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QColor(c.border))
        painter.drawRect(0, 0, _WIDTH - 1, _HEIGHT - 1)
        painter.end()
        return picture

    def _scale(self) -> tuple[float, float, float]:
        """Return scale, left and top: where the scene's origin lies in the map."""
        area = self._all
        width, height = max(area.width(), 1.0), max(area.height(), 1.0)
        scale = min((_WIDTH - 2 * _PAD) / width, (_HEIGHT - 2 * _PAD) / height)
        left = (_WIDTH - width * scale) / 2 - area.x() * scale
        return scale, left, (_HEIGHT - height * scale) / 2 - area.y() * scale

    def _to_map(self, point: QPointF) -> QPointF:
        scale, left, top = self._scale()
        return QPointF(point.x() * scale + left, point.y() * scale + top)

    def _place(self) -> None:
        around = self._around.size()
        self.move(around.width() - _WIDTH - _MARGIN, _MARGIN)
        room = around.width() > 2.5 * _WIDTH and around.height() > 2 * _HEIGHT
        out_of_view = not self._all.isEmpty() and not self._seen.contains(self._all)
        self.setVisible(self._wanted and room and out_of_view)
