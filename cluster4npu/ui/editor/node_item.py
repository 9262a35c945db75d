"""One node on the canvas: title, id, ports, what it works with, a measured figure and what is wrong."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import PurePath
from typing import Any

import qtawesome
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QIcon, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import (
    QApplication,
    QGraphicsItem,
    QGraphicsSceneHoverEvent,
    QGraphicsSceneMouseEvent,
    QStyleOptionGraphicsItem,
    QWidget,
)

from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Node, Port, ui_hint
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.core.pipeline.bypass import meaning
from cluster4npu.core.pipeline.config import NodeConfig
from cluster4npu.core.settings import BUNDLED_PREFIX
from cluster4npu.ui import theme
from cluster4npu.ui.devices.badges import is_device
from cluster4npu.ui.editor import far_look
from cluster4npu.ui.editor.items import INPUT, OUTPUT, RADIUS, PortDot
from cluster4npu.ui.editor.qt_shim import Z_VAL_NODE, AbstractNodeItem
from cluster4npu.ui.text import told, tr

_MIN_WIDTH, MAX_WIDTH = 170.0, 300.0
HEADER = 44.0  # height of the title bar
_PAD, _ROW, _LINE = 12.0, 24.0, 18.0
_RADIUS = 8.0
_LAMP = 18  # its side
_MAX_DEVICES = 4  # lines; the rest is counted

_SEEN = ("type", "title", "params", "bypassed")  # what of an entry is seen, apart from its place
_SELECTED = QGraphicsItem.GraphicsItemChange.ItemSelectedHasChanged
_MOVED = QGraphicsItem.GraphicsItemChange.ItemPositionHasChanged

_FLAGS = (
    QGraphicsItem.GraphicsItemFlag.ItemIsSelectable
    | QGraphicsItem.GraphicsItemFlag.ItemIsMovable
    | QGraphicsItem.GraphicsItemFlag.ItemSendsGeometryChanges
)
_PROPERTIES = {  # that NodeGraphQt's viewer reads; what is seen is painted without them
    "id": None,
    "name": "",
    "type_": "AbstractBaseNode",
    "color": (13, 18, 23, 255),
    "border_color": (46, 57, 66, 255),
    "text_color": (255, 255, 255, 180),
    "selected": False,
    "disabled": False,
    "visible": True,
    "layout_direction": 0,
}

Signature = tuple[str, tuple[str, ...], tuple[str, ...]]


class NodeItem(AbstractNodeItem):
    """Shows one NodeConfig. Only the methods `show_...` change what is seen."""

    def __init__(self, entry: NodeConfig, signature: Signature, *, painted: bool = True) -> None:
        QGraphicsItem.__init__(self)  # AbstractNodeItem's own makes a call for each flag and keeps a pixmap
        self.setFlags(_FLAGS if painted else _FLAGS | QGraphicsItem.GraphicsItemFlag.ItemHasNoContents)
        self.setZValue(Z_VAL_NODE)
        self.setAcceptHoverEvents(True)
        self._properties = dict(_PROPERTIES)
        self.id = entry.id
        self.first_device = 0  # the number of its first device in a run, which gives the colour
        self.moves_in_batch = False  # the canvas leads the wires when all nodes are at their places
        self._entry: NodeConfig | None = None
        self._place = (0.0, 0.0)
        self.chosen = False
        self.faint = False
        self._rect = QRectF()
        self.cls: type[Node] | None = node_types().get(entry.type)
        self.signature = signature
        self._problems: list[Problem] = []
        self._figure = ""
        self.hint = ""  # what would make it faster
        self._lines: list[str] = []
        self.dots: dict[tuple[str, str], PortDot] = {}
        self.inputs: list[PortDot] = []
        self.outputs: list[PortDot] = []
        for side, names, known in (
            (INPUT, signature[1], self.cls.inputs if self.cls else ()),
            (OUTPUT, signature[2], self.cls.outputs if self.cls else ()),
        ):
            ports: dict[str, Port] = {p.name: p for p in known}
            for name in names:
                dot = self.dots[side, name] = PortDot(self, name, side, ports.get(name))
                (self.inputs if side == INPUT else self.outputs).append(dot)
        self.show_entry(entry)

    @property
    def place(self) -> tuple[float, float]:
        """Return where it stands (canvas pixels)."""
        return self._place

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom (canvas pixels)."""
        x, y = self._place
        return x, y, x + self._width, y + self._height

    def show_entry(self, entry: NodeConfig) -> None:
        """Show this state of the node; it must have the same id and the same ports."""
        before, self._entry = self._entry, entry
        if before is None or any(getattr(before, f) != getattr(entry, f) for f in _SEEN):
            self._take(entry)
        if self.place != entry.position:
            self.setPos(QPointF(*entry.position))

    def _take(self, entry: NodeConfig) -> None:
        self._properties["name"] = entry.title or (
            tr(self.cls.title) if self.cls else tr("Unknown: {0}").format(entry.type)
        )
        self._lines = summary(entry, self.cls)
        self._devices = frozenset(line for line in self._lines if is_device(line))
        self._bypassed = meaning(entry) if entry.bypassed else ""
        if entry.bypassed != self.faint:
            self.faint = entry.bypassed
            self.setOpacity(0.65 if self.faint else 1.0)
            for dot in self.dots.values():
                for wire in dot.connected_pipes:
                    wire.update()
        self._lay_out()

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Outline the node, and say in a word what kind of problems it has."""
        if list(problems) != self._problems:
            self._problems = list(problems)
            self._lay_out()

    def show_figure(self, text: str) -> None:
        """Show a measured figure at the foot of the node; "" for none."""
        if text != self._figure:
            self._figure = text
            self._lay_out()

    def show_hint(self, text: str) -> None:
        """Show a lamp, and in the tool tip what would help; "" for none."""
        if text != self.hint:
            self.hint = text
            self.update()

    @property
    def footer(self) -> tuple[str, str]:
        """Return the word that says what is wrong and its status: "fail", "warn", "bypassed" or ""."""
        if not self._problems:
            return (tr("bypassed"), "bypassed") if self.faint else ("", "")
        errors = sum(p.severity == "error" for p in self._problems)
        warnings = len(self._problems) - errors
        if errors:
            return (tr("1 error") if errors == 1 else tr("{0} errors").format(errors)), "fail"
        if warnings:
            return (tr("1 warning") if warnings == 1 else tr("{0} warnings").format(warnings)), "warn"
        return "", ""

    def _lay_out(self) -> None:
        self.prepareGeometryChange()
        family = QApplication.font().key()
        title_w = _text_width(self.name, family, bold=True)
        rows = max(len(self.inputs), len(self.outputs))
        lefts = [_text_width(d.name, family) for d in self.inputs]
        rights = [_text_width(d.name, family) for d in self.outputs]
        ports_w = max(lefts, default=0.0) + max(rights, default=0.0) + 20.0
        texts = [self.id, *self._lines, self._figure, self.footer[0]]
        text_w = max(_text_width(t, family) for t in texts if t)
        wanted = max(title_w, ports_w, text_w) + 2 * _PAD + 2.0
        foot = sum(1 for t in (self._figure, self.footer[0]) if t)
        self._width = min(max(wanted, _MIN_WIDTH), MAX_WIDTH)
        self._height = HEADER + rows * _ROW + (len(self._lines) + foot) * _LINE + 14.0
        for dots, x in ((self.inputs, 0.0), (self.outputs, self._width)):
            for row, dot in enumerate(dots):
                dot.put(x, HEADER + 6.0 + row * _ROW + _ROW / 2)
        side = RADIUS + 3.0  # the dots stand out at both sides
        self._rect = QRectF(-side, -2.0, self._width + 2 * side, self._height + 4.0)
        self.update()

    def toolTip(self) -> str:  # noqa: N802 (Qt's name)
        """Return what is told where the pointer rests: everything that does not fit onto the node."""
        lines = [f"<b>{html.escape(self.name)}</b> ({html.escape(self.id)})"]
        lines += [html.escape(line) for line in self._lines]
        lines += [html.escape(tr("Bypassed. {0}").format(told(self._bypassed)))] if self._bypassed else []
        lines += [
            html.escape(f"{tr(p.severity.capitalize())}: {told(p.message)}. {told(p.hint)}")
            for p in self._problems
        ]
        lines += [html.escape(self.hint)] if self.hint else []
        return "<p>" + "<br>".join(lines) + "</p>"

    def hoverEnterEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        self.setToolTip(self.toolTip())
        super().hoverEnterEvent(event)

    def boundingRect(self) -> QRectF:
        return self._rect

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        zoom = painter.worldTransform().m11()
        if zoom < far_look.SMALL:
            far_look.draw(painter, self, zoom)
            return
        c = theme.colors()
        bold, plain = _fonts()
        box = QRectF(0.0, 0.0, self._width, self._height)
        outline = QPainterPath()
        outline.addRoundedRect(box, _RADIUS, _RADIUS)
        painter.fillPath(outline, QColor(c.raised))
        painter.save()
        painter.setClipPath(outline)
        painter.fillRect(QRectF(0.0, 0.0, self._width, HEADER), QColor(self.header_color))
        painter.restore()
        self._text(painter, bold, "#ffffff", self.name, 5.0, 20.0)
        self._text(painter, plain, "#e6ebf2", self.id, 23.0, _LINE)
        if self.hint:
            _lamp().paint(painter, QRect(round(self._width) - _LAMP - 8, 6, _LAMP, _LAMP))
        painter.setFont(plain)
        painter.setPen(QColor(c.text))
        for dots, align in (
            (self.inputs, Qt.AlignmentFlag.AlignLeft),
            (self.outputs, Qt.AlignmentFlag.AlignRight),
        ):
            for row, dot in enumerate(dots):
                place = QRectF(_PAD, HEADER + 6.0 + row * _ROW, self._width - 2 * _PAD, _ROW)
                painter.drawText(place, align | Qt.AlignmentFlag.AlignVCenter, dot.name)
        y = HEADER + 8.0 + max(len(self.inputs), len(self.outputs)) * _ROW
        word, status = self.footer
        state = {"fail": c.fail, "warn": c.warn}.get(status, c.muted)
        lines = [(line, c.muted) for line in self._lines]
        lines += [(t, color) for t, color in ((self._figure, c.accent), (word, state)) if t]
        number = 0
        for index, (text, color) in enumerate(lines):
            if index < len(self._lines) and text in self._devices:
                mark = QColor(c.line(self.first_device + number))
                painter.fillRect(QRectF(_PAD - 9.0, y + 5.0, 6.0, _LINE - 10.0), mark)
                number += 1
            self._text(painter, plain, color, text, y, _LINE)
            y += _LINE
        chosen = self.isSelected()
        edge = c.accent if chosen else state if word else c.border
        pen = QPen(QColor(edge), 2.5 if chosen else 2.0 if word else 1.0)
        if self.faint:
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(outline)
        for dot in self.dots.values():
            dot.draw(painter)

    @property
    def header_color(self) -> str:
        """Return the colour of the node's category."""
        return theme.colors().category(self.cls.category if self.cls else "")

    def _text(self, painter: QPainter, font: QFont, color: str, text: str, y: float, height: float) -> None:
        width = self._width - 2 * _PAD
        shown = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideMiddle, width + 1.0)
        painter.setFont(font)
        painter.setPen(QColor(color))
        painter.drawText(QRectF(_PAD, y, width + 1.0, height), Qt.AlignmentFlag.AlignVCenter, shown)

    def mousePressEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        if any(d.sceneBoundingRect().contains(event.scenePos()) for d in self.dots.values()):
            event.ignore()  # the viewer starts a wire there; the node must not move with it
            return
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        self.viewer().node_double_clicked.emit(self.id)
        super().mouseDoubleClickEvent(event)

    def itemChange(self, change: QGraphicsItem.GraphicsItemChange, value: Any) -> Any:
        if change == _MOVED:
            self._place = value.toTuple()
            if not self.moves_in_batch:
                for dot in self.dots.values():
                    dot.lead_wires()
        elif change == _SELECTED:
            self.chosen = bool(value)
            for dot in self.dots.values():
                for wire in dot.connected_pipes:
                    wire.highlight() if value else wire.reset()
        return super().itemChange(change, value)


def summary(entry: NodeConfig, cls: type[Node] | None) -> list[str]:
    """Return what the node works with, in short lines: its file, its devices."""
    lines: list[str] = []
    for field, default, widget in _told_fields(cls) if cls else ():
        value = entry.params.get(field, default)
        if widget != "devices" and isinstance(value, str) and value:
            name = PurePath(value.removeprefix(BUNDLED_PREFIX).replace("\\", "/")).name
            lines.append(tr("no model") if value == NO_MODEL else name or value)
        elif widget == "devices" and isinstance(value, list | tuple):
            lines += [str(item) for item in value[:_MAX_DEVICES]]
            if len(value) > _MAX_DEVICES:
                lines.append(tr("and {0} more").format(len(value) - _MAX_DEVICES))
            elif not value:
                lines.append(tr("all real devices"))
    return lines


@cache
def _told_fields(cls: type[Node]) -> tuple[tuple[str, object, object], ...]:
    """Return those parameters that a node tells: name, default, and what they are edited by."""
    fields = (
        (name, info.get_default(), ui_hint(info, "widget")) for name, info in cls.Params.model_fields.items()
    )
    return tuple(field for field in fields if field[2] in ("file", "folder", "devices"))


@lru_cache(maxsize=20_000)
def _text_width(text: str, _font: str, bold: bool = False) -> float:
    """Return the width in pixels; `_font` is the application's, of which the remembered widths are."""
    return QFontMetricsF(_fonts()[0 if bold else 1]).horizontalAdvance(text)


@cache
def _lamp() -> QIcon:
    lamp: QIcon = qtawesome.icon("mdi6.lightbulb-on-outline", color="#ffffff")
    return lamp


def _fonts() -> tuple[QFont, QFont]:
    plain = QApplication.font()
    bold = QFont(plain)
    bold.setBold(True)
    bold.setPointSizeF(plain.pointSizeF() * 1.1)
    return bold, plain
