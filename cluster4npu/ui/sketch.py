"""A pipeline as a small picture: its nodes in the colours of their kinds, and its wires."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from cluster4npu.core.nodes import node_types
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui import theme

_NODE = (170.0, 74.0)  # on the canvas; drawn a little smaller than the distance of two nodes
_HEIGHT_PX = 34
_LEAST_PX = 80
_MARGIN = 2.0
_LARGEST = 0.22  # of the canvas, so that short pipelines do not become coarse


class PipelineSketch(QWidget):
    """Draws a pipeline as it lies on the canvas, made to fit. It is told in words by whatever stands beside it."""

    def __init__(self, config: PipelineConfig, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._places = {n.id: QRectF(*n.position, *_NODE) for n in config.nodes}
        types = node_types()
        self._kinds = {n.id: types[n.type].category if n.type in types else "" for n in config.nodes}
        self._wires = [(e.source_node, e.target_node) for e in config.edges]
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(_LEAST_PX)

    def sizeHint(self) -> QSize:
        return QSize(100, _HEIGHT_PX)

    def paintEvent(self, _event: QPaintEvent) -> None:
        whole = QRectF()
        for place in self._places.values():
            whole = whole.united(place)
        if whole.isEmpty():
            return
        room = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        scale = min(room.width() / whole.width(), room.height() / whole.height(), _LARGEST)
        c = theme.colors()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(room.right(), room.bottom())
        painter.scale(scale, scale)
        painter.translate(-whole.bottomRight())
        self._draw_wires(painter, QColor(c.muted), 1.2 / scale)
        for node, place in self._places.items():
            body = QPainterPath()
            body.addRoundedRect(place, 16.0, 16.0)
            painter.fillPath(body, QColor(c.category(self._kinds[node])))

    def _draw_wires(self, painter: QPainter, color: QColor, width: float) -> None:
        painter.setPen(QPen(color, width))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for source, target in self._wires:
            if source not in self._places or target not in self._places:
                continue
            first, last = self._places[source], self._places[target]
            start, end = QPointF(first.right(), first.center().y()), QPointF(last.left(), last.center().y())
            reach = QPointF(max(abs(end.x() - start.x()) / 2, 20.0), 0.0)
            curve = QPainterPath(start)
            curve.cubicTo(start + reach, end - reach, end)
            painter.drawPath(curve)
