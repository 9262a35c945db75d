"""What is drawn between nodes: ports coloured by what flows through them, and the wires."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPainterPathStroker, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from cluster4npu.core.nodes.base import Port
from cluster4npu.ui import theme
from cluster4npu.ui.editor.qt_shim import PipeItem, PortItem, PortTypeEnum

OUTPUT = PortTypeEnum.OUT.value
INPUT = PortTypeEnum.IN.value
_RADIUS = 6.0
_WIRE_WIDTH = 2.5
_TURN = 70.0  # pixels in which a long wire changes height
_WIRE_REACH = 14.0  # how near to a wire a click must be


class PortDot(PortItem):
    """One port of a node on the canvas; `port` None: a wire of the file names it, the node type does not."""

    def __init__(self, parent: QGraphicsItem, name: str, side: str, port: Port | None) -> None:
        super().__init__(parent)
        self.port = port
        self.name = name
        self.port_type = side
        self.multi_connection = side == OUTPUT
        kinds = " or ".join(t.value for t in port.types) if port else "unknown"
        verb = "gives" if side == OUTPUT else "takes" if port is None or port.required else "may take"
        self.setToolTip(f"{name}: {verb} {kinds}")

    @property
    def kind(self) -> str:
        """Return what flows here, for its colour; an input that takes several kinds shows the first."""
        return self.port.types[0].value if self.port else "unknown"

    @property
    def address(self) -> str:
        """Return NODE.PORT, as wires name it."""
        return f"{self.node.id}.{self.name}"

    def boundingRect(self) -> QRectF:
        return QRectF(0.0, 0.0, 26.0, 22.0)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        c = theme.colors()
        color = QColor(c.port(self.kind)) if self.port else QColor(c.fail)
        radius = _RADIUS + 1.5 if self.hovered else _RADIUS
        painter.setPen(QPen(color, 2.0))
        optional = self.port is not None and not self.port.required
        filled = bool(self.connected_pipes) or self.port_type == OUTPUT or not optional
        painter.setBrush(color if filled else QColor(c.raised))
        painter.drawEllipse(self.boundingRect().center(), radius, radius)


class Wire(PipeItem):
    """One wire on the canvas, in the colour of what flows through it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__()
        self.reset()

    def set_pipe_styling(self, color: Any = None, width: float = 2, style: int = 0) -> None:
        c = theme.colors()
        lit = self._active or self._highlight or self.isSelected()
        pen = QPen(QColor(c.accent if self.isSelected() else c.port(self.kind)))
        pen.setWidthF(_WIRE_WIDTH + 1.5 if lit else _WIRE_WIDTH)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        self.setPen(pen)
        self.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_path_horizontal(self, start: PortDot, pos1: QPointF, pos2: QPointF, path: QPainterPath) -> None:
        first, last = (pos1, pos2) if start.port_type == OUTPUT else (pos2, pos1)
        run = last.x() - first.x()
        # A long wire changes height beside its source and then runs level, not slantwise behind other nodes.
        turn = QPointF(first.x() + _TURN, last.y()) if run > 2 * _TURN else last
        reach = (turn.x() - first.x()) / 2 if run > 0 else min(-run / 2 + 40.0, 160.0)
        curve = QPainterPath(first)
        curve.cubicTo(first + QPointF(reach, 0.0), turn - QPointF(reach, 0.0), turn)
        curve.lineTo(last)
        self.setPath(curve)

    def _draw_direction_pointer(self) -> None:
        self._dir_pointer.setVisible(False)

    def shape(self) -> QPainterPath:
        # The default shape is the area that the curve encloses, so that clicks beside the wire would hit it.
        stroker = QPainterPathStroker()
        stroker.setWidth(_WIRE_REACH)
        return stroker.createStroke(self.path())

    def itemChange(self, change: QGraphicsItem.GraphicsItemChange, value: Any) -> Any:
        result = super().itemChange(change, value)
        if change == QGraphicsItem.GraphicsItemChange.ItemSelectedHasChanged:
            self.set_pipe_styling()
        return result
