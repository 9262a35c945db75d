"""A large pipeline seen from far away: all nodes and wires drawn in a few calls, where each item would cost one."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QLineF, QRectF
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from cluster4npu.core.pipeline.config import EdgeConfig
from cluster4npu.ui import theme
from cluster4npu.ui.editor import far_look
from cluster4npu.ui.editor.items import Wire
from cluster4npu.ui.editor.node_item import HEADER, MAX_WIDTH, NodeItem
from cluster4npu.ui.editor.qt_shim import Z_VAL_PIPE

FAR = 0.35  # below this zoom a node is too small for more than its title
FEW = 150  # nodes that draw themselves from any distance, with their wires led around
_NAMED_PX = 40.0  # the least width on the screen of a node with a title
_MOST_NAMED = 300
_NO_CONTENTS = QGraphicsItem.GraphicsItemFlag.ItemHasNoContents


class FarLayer(QGraphicsItem):
    """Stands in for the nodes and wires while the zoom is below FAR; they stay in their places, for the mouse."""

    def __init__(self, nodes: Mapping[str, NodeItem], wires: Mapping[EdgeConfig, Wire]) -> None:
        super().__init__()
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)  # tells what is exposed
        self._nodes, self._wires = nodes, wires
        self._area = QRectF()
        self._lines: dict[tuple[str, float], list[QLineF]] | None = (
            None  # by colour and width; None: made anew
        )
        self._bodies: dict[tuple[str, float], list[QRectF]] = {}
        self._heads: dict[str, list[QRectF]] = {}
        self._edges: dict[tuple[str, float], list[QRectF]] = {}
        self.setZValue(Z_VAL_PIPE + 0.5)
        self.hide()

    @property
    def on(self) -> bool:
        return self.isVisible()

    def look_from(self, zoom: float) -> None:
        """Take over from the items, or give back to them."""
        far = zoom < FAR and len(self._nodes) > FEW
        if far != self.on:
            self.setVisible(far)
            items: list[QGraphicsItem] = [*self._nodes.values(), *self._wires.values()]
            for item in items:
                item.setFlag(_NO_CONTENTS, far)
            self.forget()

    def cover(self, area: QRectF) -> None:
        """Note where nodes are now."""
        self.prepareGeometryChange()
        self._area = area.adjusted(-400.0, -400.0, 400.0, 400.0)  # wires that lead back stand out
        self.forget()

    def forget(self) -> None:
        """Draw anew: something has moved or looks different."""
        self._lines = None
        self.update()

    def boundingRect(self) -> QRectF:
        return self._area

    def shape(self) -> QPainterPath:
        return QPainterPath()  # clicks go through to the nodes

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        if self._lines is None:
            self._lines = self._gathered()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for (color, width), lines in self._lines.items():
            painter.setPen(_pen(color, width))
            painter.drawLines(lines)
        painter.setPen(QPen(QColor(0, 0, 0, 0)))
        for (color, opacity), bodies in self._bodies.items():
            painter.setOpacity(opacity)
            painter.setBrush(QBrush(QColor(color)))
            painter.drawRects(bodies)
        painter.setOpacity(1.0)
        for color, heads in self._heads.items():
            painter.setBrush(QBrush(QColor(color)))
            painter.drawRects(heads)
        painter.setBrush(QBrush())
        for (color, width), edges in self._edges.items():
            painter.setPen(_pen(color, width))
            painter.drawRects(edges)
        self._draw_titles(painter, option.exposedRect)

    def _draw_titles(self, painter: QPainter, seen: QRectF) -> None:
        """Draw the titles of the nodes that are seen, with what is wrong with them, where there is room for words."""
        zoom = painter.worldTransform().m11()
        if zoom * MAX_WIDTH < _NAMED_PX:
            return
        items = [item for item in self._nodes.values() if item.size[0] * zoom >= _NAMED_PX]
        shown = [item for item in items if seen.intersects(item.sceneBoundingRect())]
        for item in shown if len(shown) <= _MOST_NAMED else ():
            painter.save()
            painter.translate(*item.place)
            far_look.draw(painter, item, zoom)
            painter.restore()

    def _gathered(self) -> dict[tuple[str, float], list[QLineF]]:
        """Sort what is to be drawn by its colours; return the lines."""
        c = theme.colors()
        self._bodies, self._heads, self._edges = {}, {}, {}
        status = {"fail": c.fail, "warn": c.warn}
        for item in self._nodes.values():
            (x, y), (width, height) = item.place, item.size
            box = QRectF(x, y, width, height)
            self._bodies.setdefault((c.raised, 0.65 if item.faint else 1.0), []).append(box)
            self._heads.setdefault(item.header_color, []).append(QRectF(x, y, width, HEADER))
            edge = (c.accent, 2.0) if item.chosen else (status.get(item.footer[1], c.border), 1.0)
            self._edges.setdefault(edge, []).append(box)
        looks: dict[tuple[bool, bool, str], list[QLineF]] = {}
        for wire in self._wires.values():
            looks.setdefault(wire.look, []).append(wire.ends)
        lines: dict[tuple[str, float], list[QLineF]] = {}
        for (lit, chosen, kind), found in sorted(looks.items()):  # what is lit lies above
            key = c.accent if chosen else c.port(kind), 2.0 if lit else 1.0
            lines.setdefault(key, []).extend(found)
        return lines


def _pen(color: str, width: float) -> QPen:
    pen = QPen(QColor(color), width)
    pen.setCosmetic(True)
    return pen
