"""What part of the canvas is seen, how large, and the grid behind it."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QPoint, QPointF, QRectF, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QPolygon, QResizeEvent, QTransform, QWheelEvent
from PySide6.QtWidgets import QGraphicsView, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.editor.qt_shim import NodeViewer

_GRID = 24
_MARGINS_PX = 40.0, 44.0  # at each side, above and below: room for the figures over a node during a run
_MARGIN_SHARE = 0.06  # of a small window at most
_ZOOM_MIN, _ZOOM_MAX = 0.1, 2.5


class Camera(NodeViewer):
    """NodeGraphQt's viewer with a zoom that has bounds, and a scale that outlives a change of the window's size."""

    view_changed = Signal()  # another part of the scene is seen, or at another size

    _fitted: tuple[QRectF, QRectF] | None = None  # what `show_area` was asked for, and what was seen then

    def show_area(self, area: QRectF) -> None:
        """Show this area whole, never larger than life; it stays so in a resized window until one looks elsewhere."""
        asked = QRectF(area)
        size = self.viewport().size()
        width, height = (
            side - 2 * min(margin, side * _MARGIN_SHARE)
            for side, margin in zip((size.width(), size.height()), _MARGINS_PX, strict=True)
        )
        scale = min(width / max(area.width(), 1.0), height / max(area.height(), 1.0), 1.0)
        self._look_at(area.center(), scale)
        self._fitted = asked, QRectF(self._scene_range)

    def zoom_by(self, factor: float) -> None:
        """Zoom around the middle of the window."""
        self._look_at(self._scene_range.center(), self.transform().m11() * factor)

    def middle(self) -> tuple[float, float]:
        """Return the place at the middle of what is seen."""
        center = self._scene_range.center()
        return center.x(), center.y()

    def _look_at(self, center: QPointF, scale: float) -> None:
        scale = min(max(scale, _ZOOM_MIN), _ZOOM_MAX)
        size = self.viewport().size()
        self._scene_range = QRectF(0, 0, size.width() / scale, size.height() / scale)
        self._scene_range.moveCenter(center)
        self._update_scene()

    def _update_scene(self) -> None:
        # NodeViewer's own uses fitInView, which takes off a margin each time, so that the picture creeps.
        width = max(self._scene_range.width(), 1.0)
        scale = self.viewport().width() / width
        # Qt would scroll the pixels, and with them the widgets that lie over the canvas: figures, overview, notices.
        mode = self.viewportUpdateMode()
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.setSceneRect(self._scene_range)
        self.setViewportUpdateMode(mode)
        self.setTransform(QTransform.fromScale(scale, scale))
        self.view_changed.emit()

    def look_at(self, center: QPointF) -> None:
        """Bring this place to the middle without changing the zoom."""
        self._look_at(center, self.transform().m11())

    def resizeEvent(self, event: QResizeEvent) -> None:
        QGraphicsView.resizeEvent(self, event)
        if self._fitted is not None and self._fitted[1] == self._scene_range:
            self.show_area(self._fitted[0])
        else:
            self._look_at(self._scene_range.center(), self.transform().m11())

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Scroll the scene only: Qt would carry along what lies over it, such as figures and overview."""
        still = [(w, w.pos()) for w in self.viewport().children() if isinstance(w, QWidget)]
        super().scrollContentsBy(dx, dy)
        for widget, place in still:
            widget.move(place)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        under = self.mapToScene(event.position().toPoint())
        before = self.transform().m11()
        after = min(max(before * 1.001**delta, _ZOOM_MIN), _ZOOM_MAX)
        away = self._scene_range.center() - under
        self._look_at(under + away * (before / after), after)

    def drawBackground(self, painter: QPainter, rect: QRectF) -> None:
        c = theme.colors()
        painter.fillRect(rect, QColor(c.surface if c.dark else c.window))
        step = _GRID
        while step * self.transform().m11() < _GRID * 0.6:
            step *= 2
        pen = QPen(QColor(c.border), 2.0)
        pen.setCosmetic(True)
        painter.setPen(pen)
        seen = self._scene_range if self._scene_range.contains(rect) else rect
        sides = (seen.left(), seen.top(), seen.right(), seen.bottom())
        left, top, right, bottom = (int(side) // step * step for side in sides)
        painter.drawPoints(_grid(left, top, right, bottom, step))


@lru_cache(maxsize=4)
def _grid(left: int, top: int, right: int, bottom: int, step: int) -> QPolygon:
    """Return the dots between these sides; during a run the same picture is painted many times a second."""
    xs, ys = range(left, right + step + 1, step), range(top, bottom + step + 1, step)
    return QPolygon([QPoint(x, y) for y in ys for x in xs])
