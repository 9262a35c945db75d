"""Figures and moving frames over the canvas. Lets every click through; text has the same size at every zoom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen, QRegion
from PySide6.QtWidgets import QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.editor.node_item import HEADER
from cluster4npu.ui.overlay.figures import OverlayFigures
from cluster4npu.ui.overlay.marks import Mark
from cluster4npu.ui.overlay.pills import words
from cluster4npu.ui.overlay.places import Placing
from cluster4npu.ui.text import tr
from cluster4npu.ui.visualizer.flow import Token

if TYPE_CHECKING:
    from cluster4npu.ui.editor.canvas import Canvas

_TOKEN_PX = 5.0
_HALF_PX = int(_TOKEN_PX) + 2
_BESIDE = 3.0  # pixels of the canvas between frames that follow each other through a node


class PerformanceOverlayWidget(QWidget):
    """Lies over a canvas and follows its zoom. Colours stand beside words: "bottleneck", "blocked", "failed".

    What stands there is laid out once for each view and each snapshot, and only what has changed is drawn again.
    """

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas.viewport())
        self._canvas = canvas
        self.figures = OverlayFigures()
        self.tokens: tuple[Token, ...] = ()
        self._placing = Placing(canvas)
        self._marks: Mapping[object, Mark] = {}
        self._laid_out: object = None  # the view and the figures of which the marks are
        self._dots: list[tuple[QPointF, int]] = []
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
        before = self._marks
        self._lay_out()
        changed = QRegion()
        for key in {*before, *self._marks}:
            old, new = before.get(key), self._marks.get(key)
            if old != new:
                for mark in filter(None, (old, new)):
                    changed += mark.bounds
        self.update(changed)

    def show_tokens(self, tokens: Sequence[Token]) -> None:
        """Show frames under way; only what they covered and cover is drawn again."""
        if not tokens and not self.tokens:
            return
        before = self._region()
        self.tokens = tuple(tokens)
        self._place_tokens()
        self.update(before.united(self._region()))

    def keep_canvas(self, keep: bool) -> None:
        """Let the canvas keep pictures of what lies under this, which moves."""
        self._canvas.keep_pictures(keep)

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
        region = event.region()
        if self._lay_out():  # the view is another one: nothing is where it was
            self._place_tokens()
            if region.boundingRect() != self.rect():
                self.update()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.colors().surface), 1.5))
        for at, worker in self._dots:  # words stay readable while frames pass behind them
            painter.setBrush(QColor(theme.colors().line(worker)))
            painter.drawEllipse(at, _TOKEN_PX, _TOKEN_PX)
        painter.setFont(_font(self.font()))
        for mark in self._marks.values():
            if region.intersects(mark.bounds):
                mark.draw(painter)

    def _lay_out(self) -> bool:
        """Lay everything out where view or figures have changed; tell whether they have."""
        places = self._places()
        view = QRectF(self.rect())
        seen = (self.figures, places, view, self._canvas.viewportTransform(), theme.colors())
        if seen == self._laid_out:
            return False
        self._laid_out = seen
        self._marks = self._placing.marks(self.figures, places, view, QFontMetricsF(_font(self.font())))
        return True

    def _places(self) -> dict[str, QRectF]:
        """Return where each node with figures stands on the screen."""
        items = ((node, self._canvas.items_by_id.get(node)) for node in self.figures.nodes)
        screen = self._canvas.viewportTransform()
        return {node: QRectF(screen.mapRect(i.sceneBoundingRect())) for node, i in items if i is not None}

    # --- tokens ---

    def _place_tokens(self) -> None:
        places = ((self.place_of(token), token.worker) for token in self.tokens)
        self._dots = [(at, worker) for at, worker in places if at is not None]

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
        for at, _ in self._dots:
            region += QRect(
                int(at.x()) - _HALF_PX, int(at.y()) - _HALF_PX, 2 * _HALF_PX + 1, 2 * _HALF_PX + 1
            )
        return region

    def _point(self, scene: QPointF) -> QPointF:
        return QPointF(self._canvas.viewportTransform().map(scene))


def _font(base: QFont) -> QFont:
    font = QFont(base)
    font.setPointSizeF(8.5)
    return font
