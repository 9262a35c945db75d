"""What is drawn between nodes: ports coloured by what flows through them, and the wires."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPainterPathStroker, QPen
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsPathItem,
    QGraphicsSceneHoverEvent,
    QStyleOptionGraphicsItem,
    QWidget,
)

from cluster4npu.core.nodes.base import Port
from cluster4npu.core.pipeline.config import EdgeConfig
from cluster4npu.ui import theme
from cluster4npu.ui.editor.qt_shim import Z_VAL_PIPE, PipeItem, PortItem, PortTypeEnum
from cluster4npu.ui.text import tr

OUTPUT = PortTypeEnum.OUT.value
INPUT = PortTypeEnum.IN.value
RADIUS = 6.0
_WIRE_WIDTH = 2.5
_TURN = 70.0  # pixels in which a long wire changes height
_BACK_MOST = 160.0  # how far a wire that leads back reaches beyond its ends
_WIRE_REACH = 14.0  # how near to a wire a click must be
_DOT = QRectF(0.0, 0.0, 26.0, 22.0)
_MIDDLE = _DOT.center()
_NO_PEN = QPen(Qt.PenStyle.NoPen)
_SMOOTH = QPainter.RenderHint.Antialiasing
_SELECTABLE = QGraphicsItem.GraphicsItemFlag.ItemIsSelectable
_NO_CONTENTS = QGraphicsItem.GraphicsItemFlag.ItemHasNoContents
_SELECTED = QGraphicsItem.GraphicsItemChange.ItemSelectedHasChanged


class PortDot(PortItem):
    """One port of a node on the canvas; `port` None: a wire of the file names it, the node type does not.

    Its node paints it: so Qt makes one call for a node and not one more for each port.
    """

    def __init__(self, parent: QGraphicsItem, name: str, side: str, port: Port | None) -> None:
        QGraphicsItem.__init__(
            self, parent
        )  # PortItem's own sets flags and tool tips that are not wanted here
        self.setAcceptHoverEvents(True)
        self.setFlags(_NO_CONTENTS)  # its node tells it that it has moved
        self._pipes: list[Wire] = []
        self._hovered = self._locked = False
        self.port = port
        self.fits = True  # for the wire that is being drawn
        self._name = name
        self._port_type = side
        self._multi_connection = side == OUTPUT  # not by the setter, which writes a tool tip
        self._middle = QPointF()  # in the node's coordinates

    @property
    def kind(self) -> str:
        """Return what flows here, for its colour; an input that takes several kinds shows the first."""
        return self.port.types[0].value if self.port else "unknown"

    @property
    def address(self) -> str:
        """Return NODE.PORT, as wires name it."""
        return f"{self.node.id}.{self.name}"

    @property
    def center(self) -> QPointF:
        """Return the middle of the dot in the scene."""
        return QPointF(self.node.pos() + self._middle)

    def put(self, x: float, y: float) -> None:
        """Put the middle of the dot at this place of the node."""
        if (self._middle.x(), self._middle.y()) != (x, y):
            self._middle = QPointF(x, y)
            self.setPos(self._middle - _MIDDLE)
            self.lead_wires()

    def lead_wires(self) -> None:
        """Lead the wires to where the dot is now."""
        for wire in self._pipes:
            wire.follow()

    @property
    def hovered(self) -> bool:
        return bool(self._hovered)

    @hovered.setter
    def hovered(self, on: bool) -> None:
        self._hovered = on
        self.node.update()

    def hoverEnterEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        self.hovered = True
        kinds = tr(" or ").join(tr(t.value) for t in self.port.types) if self.port else tr("unknown")
        may = self.port is not None and not self.port.required
        gives, takes = tr("{0}: gives {1}"), tr("{0}: may take {1}") if may else tr("{0}: takes {1}")
        self.setToolTip((gives if self.port_type == OUTPUT else takes).format(self.name, kinds))

    def hoverLeaveEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        self.hovered = False

    def boundingRect(self) -> QRectF:
        return _DOT

    def itemChange(self, change: QGraphicsItem.GraphicsItemChange, value: Any) -> Any:
        return value

    def draw(self, painter: QPainter) -> None:
        """Draw the dot in the coordinates of its node."""
        c = theme.colors()
        color = QColor(c.port(self.kind)) if self.port else QColor(c.fail)
        if not self.fits:
            color.setAlpha(60)
        radius = RADIUS + 1.5 if self._hovered else RADIUS
        painter.setPen(QPen(color, 2.0))
        optional = self.port is not None and not self.port.required
        filled = bool(self.connected_pipes) or self.port_type == OUTPUT or not optional
        painter.setBrush(color if filled else QColor(c.raised))
        painter.drawEllipse(self._middle, radius, radius)


class Wire(PipeItem):
    """One wire on the canvas, in the colour of what flows through it.

    NodeGraphQt's own keeps a pixmap of its whole bounding rectangle, an arrow, and a pen whose every change
    makes the scene sort it in again; with thousands of wires these are what holds the window up. Qt is told the
    bounding rectangle only: the curve is made when it is looked at, which it never is from far away.
    """

    def __init__(self, edge: EdgeConfig, kind: str, *, painted: bool = True) -> None:
        QGraphicsPathItem.__init__(self)
        self.edge = edge
        self.kind = kind
        self.rate: float | None = None  # frames a second in the run that goes on; the tool tip tells it
        self._active = self._highlight = self.chosen = False
        self._input_port: PortDot | None = None
        self._output_port: PortDot | None = None
        self._ends = QLineF()
        self._curve: QPainterPath | None = None
        self._outline: QPainterPath | None = None
        self.setZValue(Z_VAL_PIPE)
        self.setAcceptHoverEvents(True)
        self.setFlags(_SELECTABLE if painted else _SELECTABLE | _NO_CONTENTS)
        self.setPen(_NO_PEN)  # with a pen Qt would ask for the outline to find the bounding rectangle

    def hoverEnterEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        rate = "" if self.rate is None else f": {self.rate:.1f}/s"
        self.setToolTip(f"{self.edge.source} \N{RIGHTWARDS ARROW} {self.edge.target}{rate}")
        super().hoverEnterEvent(event)

    def set_pipe_styling(self, color: Any = None, width: float = 2, style: int = 0) -> None:
        self.update()

    def reset(self) -> None:
        self._active = self._highlight = False
        self.update()

    def follow(self) -> None:
        """Lead from the one port to the other."""
        source, target = self._output_port, self._input_port
        if source is None or target is None:
            return
        ends = QLineF(source.center, target.center)
        if ends == self._ends:
            return
        self._ends = ends
        self._curve = self._outline = None
        (x1, y1), (x2, y2) = ends.p1().toTuple(), ends.p2().toTuple()
        beside = _WIRE_WIDTH + (_BACK_MOST if x2 <= x1 else 0.0)
        around = QPainterPath()
        around.addRect(
            min(x1, x2) - beside, min(y1, y2) - _WIRE_WIDTH, abs(x2 - x1) + 2 * beside, abs(y2 - y1) + 5.0
        )
        self.setPath(around)

    def path(self) -> QPainterPath:
        """Return the curve, in the coordinates of the scene."""
        if self._curve is None:
            first, last = self._ends.p1(), self._ends.p2()
            run = last.x() - first.x()
            # A long wire changes height beside its source and then runs level, not slantwise behind other nodes.
            turn = QPointF(first.x() + _TURN, last.y()) if run > 2 * _TURN else last
            reach = (turn.x() - first.x()) / 2 if run > 0 else min(-run / 2 + 40.0, _BACK_MOST)
            self._curve = QPainterPath(first)
            self._curve.cubicTo(first + QPointF(reach, 0.0), turn - QPointF(reach, 0.0), turn)
            self._curve.lineTo(last)
        return self._curve

    @property
    def ends(self) -> QLineF:
        """Return the line from the one port to the other, in the scene."""
        return self._ends

    @property
    def look(self) -> tuple[bool, bool, str]:
        """Return whether it stands out, whether it is selected, and what flows through it."""
        return self.chosen or self._active or self._highlight, self.chosen, self.kind

    def draw_path(self, start_port: Any, end_port: Any = None, cursor_pos: QPointF | None = None) -> None:
        self.follow()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        chosen = self.isSelected()
        lit = chosen or self._active or self._highlight
        c = theme.colors()
        color = QColor(c.accent if chosen else c.port(self.kind))
        source, target = self._output_port, self._input_port
        if source is not None and target is not None and (source.node.faint or target.node.faint):
            color.setAlpha(90)
        pen = QPen(color, _WIRE_WIDTH + 1.5 if lit else _WIRE_WIDTH)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(_SMOOTH, True)
        painter.drawPath(self.path())

    def shape(self) -> QPainterPath:
        # The default shape is the area that the curve encloses, so that clicks beside the wire would hit it.
        if self._outline is None:
            stroker = QPainterPathStroker()
            stroker.setWidth(_WIRE_REACH)
            self._outline = stroker.createStroke(self.path())
        return self._outline

    def itemChange(self, change: QGraphicsItem.GraphicsItemChange, value: Any) -> Any:
        if change == _SELECTED:
            self.chosen = bool(value)
            self.update()
        return value
