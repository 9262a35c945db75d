"""A comment on the canvas: a titled box behind the nodes, which takes those that stand in it along."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import (
    QApplication,
    QGraphicsItem,
    QGraphicsSceneHoverEvent,
    QGraphicsSceneMouseEvent,
    QStyleOptionGraphicsItem,
    QWidget,
)

from cluster4npu.core.pipeline.config import BoxConfig
from cluster4npu.ui import theme
from cluster4npu.ui.editor import far_look
from cluster4npu.ui.editor.node_item import NodeItem
from cluster4npu.ui.editor.qt_shim import Z_VAL_PIPE

_HEADER, _PAD, _GRIP, _RADIUS = 30.0, 10.0, 18.0, 6.0
_SMALLEST = (120.0, 60.0)


class BoxItem(QGraphicsItem):
    """Shows one BoxConfig. Its title bar drags it, its lower right corner sizes it; within, the canvas is free.

    `settled` is called when a drag ends, `edit` when its text shall be changed.
    """

    def __init__(
        self, box: BoxConfig, settled: Callable[[BoxItem], None], edit: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.id = box.id
        self.members: list[NodeItem] = []  # that go along in the drag that is going on
        self._settled, self._edit = settled, edit
        self._text = ""
        self._size = (0.0, 0.0)
        self._sizing = False
        self._pressed: tuple[QPointF, QPointF, tuple[float, float]] | None = None
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIsSelectable)
        self.setAcceptHoverEvents(True)
        self.setZValue(Z_VAL_PIPE - 2)
        self.show_box(box)

    @property
    def place(self) -> tuple[float, float]:
        return self.pos().x(), self.pos().y()

    @property
    def size(self) -> tuple[float, float]:
        return self._size

    @property
    def title(self) -> str:
        return self._text.partition("\n")[0]

    def show_box(self, box: BoxConfig) -> None:
        """Show this state of the box; it must have the same id."""
        self.prepareGeometryChange()
        self._text, self._size = box.text, box.size
        self.setPos(QPointF(*box.position))
        self.setToolTip("")
        self.update()

    def area(self) -> QRectF:
        """Return the box in the scene."""
        return QRectF(self.pos().x(), self.pos().y(), *self._size)

    def boundingRect(self) -> QRectF:
        return QRectF(-2.0, -2.0, self._size[0] + 4.0, self._size[1] + 4.0)

    def shape(self) -> QPainterPath:
        path = QPainterPath()
        path.addRect(0.0, 0.0, self._size[0], _HEADER)
        path.addRect(self._grip())
        return path

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        c = theme.colors()
        width, height = self._size
        fill, head = QColor(c.accent), QColor(c.accent)
        fill.setAlpha(22)
        head.setAlpha(60)
        edge = QColor(c.accent)
        edge.setAlpha(255 if self.isSelected() else 110)
        painter.setPen(QPen(edge, 2.0 if self.isSelected() else 1.0))
        painter.setBrush(fill)
        painter.drawRoundedRect(QRectF(0.0, 0.0, width, height), _RADIUS, _RADIUS)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(head)
        painter.drawRoundedRect(QRectF(0.0, 0.0, width, _HEADER), _RADIUS, _RADIUS)
        painter.setPen(QPen(edge, 1.5))
        for step in (5.0, 10.0):
            painter.drawLine(QPointF(width - step - 3, height - 4), QPointF(width - 4, height - step - 3))
        zoom = painter.worldTransform().m11()
        if zoom < far_look.SMALL:
            self._paint_title_from_afar(painter, zoom)
        else:
            self._paint_text(painter)

    def _paint_title_from_afar(self, painter: QPainter, zoom: float) -> None:
        """Draw the title at a size that can be read, whatever the zoom."""
        painter.save()
        painter.scale(1 / zoom, 1 / zoom)
        font = QFont(QApplication.font())
        font.setPixelSize(far_look.TEXT_PX)
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(theme.colors().text))
        room = self._size[0] * zoom - 2 * far_look.ROOM_PX
        title = QFontMetricsF(font).elidedText(self.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QPointF(far_look.ROOM_PX, far_look.TEXT_PX), title)
        painter.restore()

    def _paint_text(self, painter: QPainter) -> None:
        width, height = self._size
        font = QApplication.font()
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(theme.colors().text))
        room = width - 2 * _PAD
        title = QFontMetricsF(font).elidedText(self.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(_PAD, 0.0, room, _HEADER), Qt.AlignmentFlag.AlignVCenter, title)
        rest = self._text.partition("\n")[2]
        if rest:
            painter.setFont(QApplication.font())
            flags = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignTop
            painter.drawText(QRectF(_PAD, _HEADER + 6, room, height - _HEADER - 12), flags, rest)

    def mousePressEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._sizing = self._grip().contains(event.pos())
        self._pressed = event.scenePos(), self.pos(), self._size
        self.members = []
        if not self._sizing:
            inside = self.area()
            found = self.scene().items(inside, Qt.ItemSelectionMode.ContainsItemBoundingRect)
            self.members = [item for item in found if isinstance(item, NodeItem)]
        event.accept()

    def mouseMoveEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        if self._pressed is None:
            return
        start, place, size = self._pressed
        delta = event.scenePos() - start
        if self._sizing:
            self.prepareGeometryChange()
            self._size = (
                round(max(size[0] + delta.x(), _SMALLEST[0]), 1),
                round(max(size[1] + delta.y(), _SMALLEST[1]), 1),
            )
            self.update()
            return
        step = place + delta - self.pos()
        self.setPos(place + delta)
        for item in self.members:
            item.setPos(item.pos() + step)

    def mouseReleaseEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if self._pressed is not None and (self._pressed[1] != self.pos() or self._pressed[2] != self._size):
            self._settled(self)
        self._pressed = None

    def mouseDoubleClickEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        self._pressed = None
        self._edit(self.id)

    def hoverMoveEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        grip = self._grip().contains(event.pos())
        self.setCursor(Qt.CursorShape.SizeFDiagCursor if grip else Qt.CursorShape.SizeAllCursor)

    def _grip(self) -> QRectF:
        return QRectF(self._size[0] - _GRIP, self._size[1] - _GRIP, _GRIP, _GRIP)
