"""Figures and moving frames over the canvas. Lets every click through; text has the same size at every zoom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen, QRegion
from PySide6.QtWidgets import QWidget

from cluster4npu.core.pipeline.config import EdgeConfig
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.numbers import figure
from cluster4npu.ui.editor.items import Wire
from cluster4npu.ui.editor.node_item import HEADER
from cluster4npu.ui.overlay.figures import Allocation, NodeFigures, OverlayFigures
from cluster4npu.ui.overlay.pills import GAP_PX, PILL_PX, Pill, free_px, inside, lay_out, words
from cluster4npu.ui.text import tr
from cluster4npu.ui.visualizer.flow import Token

if TYPE_CHECKING:
    from cluster4npu.ui.editor.canvas import Canvas

_TOKEN_PX = 5.0
_ALONG = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9)  # of a wire, where its rate may stand
_BESIDE_WIRE_PX = 15.0
_RATE_PAD_PX = 6.0
_OVER = 9.0  # of a node's edge on the canvas, where it has no words, a rate may cover
_CLEAR_PX = 4.0  # of a node: its frame when it is the bottleneck
_BESIDE = 3.0  # pixels of the canvas between frames that follow each other through a node
_BADGE_ZOOM = 0.45  # below, the devices are dots without their names
_BADGE_SIDES_PX = 22.0  # dot and rim of a badge


class PerformanceOverlayWidget(QWidget):
    """Lies over a canvas and follows its zoom. Colours stand beside words: "bottleneck", "blocked", "failed"."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas.viewport())
        self._canvas = canvas
        self.figures = OverlayFigures()
        self.tokens: tuple[Token, ...] = ()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(tr("Live figures on the canvas"))
        canvas.viewport().installEventFilter(self)
        theme.changes().changed.connect(self.update)
        self._fill()

    def show_figures(self, figures: OverlayFigures) -> None:
        """Show these figures, and none of before."""
        for edge in {*self.figures.wires, *figures.wires}:
            if (wire := self._canvas.wires.get(edge)) is not None:
                wire.rate = figures.wires.get(edge)
        self.figures = figures
        self.setAccessibleDescription("; ".join(f"{n}: {words(f)}" for n, f in figures.nodes.items()))
        self.update()

    def show_tokens(self, tokens: Sequence[Token]) -> None:
        """Show frames under way; only what they covered and cover is drawn again."""
        if not tokens and not self.tokens:
            return
        before = self._region()
        self.tokens = tuple(tokens)
        self.update(before.united(self._region()))

    def clear(self) -> None:
        """Show nothing."""
        self.show_figures(OverlayFigures())
        self.show_tokens(())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._fill()
        return False

    def _fill(self) -> None:
        self.setGeometry(self._canvas.viewport().rect())

    # --- drawing ---

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.figures.nodes and not self.tokens:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_tokens(painter)  # words stay readable while frames pass behind them
        painter.setFont(_font(painter))
        places = self._places()
        pills = self._pills(painter, places)
        taken = [pill.place for pill in pills.values()]
        over = _OVER * self._canvas.transform().m11()
        taken += [place.adjusted(over, -_CLEAR_PX, -over, _CLEAR_PX) for place in places.values()]
        for edge, rate in self.figures.wires.items():
            if (stands := self._draw_rate(painter, edge, rate, taken)) is not None:
                taken.append(stands)
        for node, place in places.items():
            if place.adjusted(-200, -60, 200, 200).intersects(QRectF(event.rect())):
                others = [other for name, other in places.items() if name != node]
                self._draw_node(painter, place, self.figures.nodes[node], pills.get(node), others)

    def _draw_tokens(self, painter: QPainter) -> None:
        for token in self.tokens:
            at = self.place_of(token)
            if at is not None:
                painter.setPen(QPen(QColor(theme.colors().surface), 1.5))
                painter.setBrush(QColor(theme.colors().line(token.worker)))
                painter.drawEllipse(at, _TOKEN_PX, _TOKEN_PX)

    def _draw_node(
        self,
        painter: QPainter,
        place: QRectF,
        figures: NodeFigures,
        pill: Pill | None,
        others: Sequence[QRectF],
    ) -> None:
        c = theme.colors()
        color = QColor(c.fail if figures.alarm else c.accent)
        if figures.alarm:
            painter.setPen(QPen(color, 3.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(place.adjusted(-3, -3, 3, 3), 6, 6)
        if pill is not None:
            self._draw_pill(painter, pill, color, figures.fill)
        if figures.devices:
            self._draw_devices(painter, place, figures.devices, others)

    def _draw_pill(self, painter: QPainter, pill: Pill, color: QColor, fill: float | None) -> None:
        c = theme.colors()
        place = pill.place
        painter.setPen(QPen(color, 1.2))
        painter.setBrush(QColor(c.raised))
        painter.drawRoundedRect(place, 5, 5)
        painter.setPen(QColor(c.text))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), pill.text)
        if fill is not None:
            bar = QRectF(place.left() + 4, place.bottom() - 3.5, (place.width() - 8) * min(1.0, fill), 2.5)
            painter.fillRect(bar, QColor(c.fail if fill >= 0.95 else c.ok))

    def _draw_devices(
        self, painter: QPainter, place: QRectF, devices: Sequence[Allocation], others: Sequence[QRectF]
    ) -> None:
        """Draw the devices of a node under it: a dot in the device's colour, and its name as far as there is room."""
        c = theme.colors()
        named = self._canvas.transform().m11() >= _BADGE_ZOOM
        metrics = QFontMetricsF(painter.font())
        x, y = place.left(), place.bottom() + GAP_PX
        for device in devices:
            mark = " " + tr("SIMULATED") if device.simulated else ""
            share = f"{device.share:.0%}{mark}"
            room = free_px(QRectF(x, y, place.width(), PILL_PX), others) - _BADGE_SIDES_PX
            room -= metrics.horizontalAdvance(share + " ")
            name = metrics.elidedText(device.device, Qt.TextElideMode.ElideMiddle, room)
            text = f"{name} {share}" if named else ""
            width = 14.0 + (metrics.horizontalAdvance(text) + 8 if text else 0.0)
            badge = QRectF(x, y, width, PILL_PX - 2)
            badge.moveLeft(inside(badge, QRectF(self.rect())).left())
            painter.setPen(QPen(QColor(c.line(device.number)), 1.2))
            painter.setBrush(QColor(c.raised))
            painter.drawRoundedRect(badge, 4, 4)
            painter.setBrush(QColor(c.line(device.number)))
            painter.drawEllipse(QPointF(badge.left() + 7, badge.center().y()), 3.5, 3.5)
            if text:
                painter.setPen(QColor(c.text))
                painter.drawText(badge.adjusted(14, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), text)
                y += PILL_PX
            else:
                x += width + 2

    def _places(self) -> dict[str, QRectF]:
        """Return where each node with figures stands on the screen."""
        items = ((node, self._canvas.items_by_id.get(node)) for node in self.figures.nodes)
        return {node: self._on_screen(i.sceneBoundingRect()) for node, i in items if i is not None}

    def _pills(self, painter: QPainter, places: Mapping[str, QRectF]) -> dict[str, Pill]:
        """Return the nodes' words and where they stand: a wire's rate makes room for them."""
        nodes = ((node, place, self.figures.nodes[node]) for node, place in places.items())
        return lay_out(nodes, QRectF(self.rect()), QFontMetricsF(painter.font()).horizontalAdvance)

    def _draw_rate(
        self, painter: QPainter, edge: EdgeConfig, rate: float, taken: Sequence[QRectF]
    ) -> QRectF | None:
        """Draw a wire's rate where nothing else stands: on the wire, or over or under it; return the place."""
        wire = self._canvas.wires.get(edge)
        if wire is None:
            return None
        text = f"{figure(rate)}/s"
        pill = QRectF(0, 0, QFontMetricsF(painter.font()).horizontalAdvance(text) + _RATE_PAD_PX, PILL_PX - 4)
        for place in self._along(wire):
            pill.moveCenter(place)
            if QRectF(self.rect()).contains(pill) and not any(pill.intersects(other) for other in taken):
                break
        else:
            return None
        c = theme.colors()
        painter.setPen(QPen(QColor(c.port(wire.kind)), 1.0))
        painter.setBrush(QColor(c.surface))
        painter.drawRoundedRect(pill, 4, 4)
        painter.setPen(QColor(c.muted))
        painter.drawText(pill, int(Qt.AlignmentFlag.AlignCenter), text)
        return pill

    # --- places ---

    def _along(self, wire: Wire) -> Iterator[QPointF]:
        """Return where a wire's rate may stand, the best place first."""
        path = wire.path()
        for beside in (0.0, -_BESIDE_WIRE_PX, _BESIDE_WIRE_PX):
            for along in _ALONG:
                yield self._point(wire.mapToScene(path.pointAtPercent(along))) + QPointF(0.0, beside)

    def place_of(self, token: Token) -> QPointF | None:
        """Return where a frame is on the screen, None where its node or wire is not shown."""
        if token.node:
            item = self._canvas.items_by_id.get(token.node)
            if item is None:
                return None
            box = item.sceneBoundingRect()
            seam = (
                box.top() + HEADER + (token.frame_id % 3 - 1) * _BESIDE
            )  # between title and ports: no words there
            return self._point(QPointF(box.left() + box.width() * token.progress, seam))
        wires = [self._canvas.wires[edge] for edge in token.wires if edge in self._canvas.wires]
        if not wires:
            return None
        along = min(token.progress, 0.999) * len(wires)
        wire = wires[int(along)]
        return self._point(wire.mapToScene(wire.path().pointAtPercent(along - int(along))))

    def _region(self) -> QRegion:
        region = QRegion()
        half = int(_TOKEN_PX) + 2
        for token in self.tokens:
            at = self.place_of(token)
            if at is not None:
                region += QRect(int(at.x()) - half, int(at.y()) - half, 2 * half + 1, 2 * half + 1)
        return region

    def _point(self, scene: QPointF) -> QPointF:
        return QPointF(self._canvas.viewportTransform().map(scene))

    def _on_screen(self, scene: QRectF) -> QRectF:
        return QRectF(self._canvas.viewportTransform().mapRect(scene))


def _font(painter: QPainter) -> QFont:
    font = QFont(painter.font())
    font.setPointSizeF(8.5)
    return font
