"""What the overlay draws: words over a node, devices under it, rates on wires. Each has its place and draws itself."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from cluster4npu.ui import theme

_CENTRE = int(Qt.AlignmentFlag.AlignCenter)
_RIM_PX = 1  # of thin pens, around a place: no more, so that the node beside it is not drawn again


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a place on the screen."""

    place: QRectF

    @property
    def bounds(self) -> QRect:
        """Return every pixel that it may touch."""
        return self.place.toAlignedRect().adjusted(-_RIM_PX, -_RIM_PX, _RIM_PX, _RIM_PX)

    def draw(self, painter: QPainter) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Frame(Mark):
    """Around a node that is in trouble."""

    @property
    def bounds(self) -> QRect:
        return self.place.toAlignedRect().adjusted(-2, -2, 2, 2)

    def draw(self, painter: QPainter) -> None:
        painter.setPen(QPen(QColor(theme.colors().fail), 3.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(self.place, 6, 6)


@dataclass(frozen=True, slots=True)
class Words(Mark):
    """A node's figures; `fill` (0..1) is a bar at the foot."""

    text: str
    alarm: bool
    fill: float | None

    def draw(self, painter: QPainter) -> None:
        c, place = theme.colors(), self.place
        painter.setPen(QPen(QColor(c.fail if self.alarm else c.accent), 1.2))
        painter.setBrush(QColor(c.raised))
        painter.drawRoundedRect(place, 5, 5)
        painter.setPen(QColor(c.text))
        painter.drawText(place, _CENTRE, self.text)
        if self.fill is not None:
            width = (place.width() - 8) * min(1.0, self.fill)
            bar = QRectF(place.left() + 4, place.bottom() - 3.5, width, 2.5)
            painter.fillRect(bar, QColor(c.fail if self.fill >= 0.95 else c.ok))


@dataclass(frozen=True, slots=True)
class Rate(Mark):
    """How much flows through a wire."""

    text: str
    kind: str

    def draw(self, painter: QPainter) -> None:
        c = theme.colors()
        painter.setPen(QPen(QColor(c.port(self.kind)), 1.0))
        painter.setBrush(QColor(c.surface))
        painter.drawRoundedRect(self.place, 4, 4)
        painter.setPen(QColor(c.muted))
        painter.drawText(self.place, _CENTRE, self.text)


@dataclass(frozen=True, slots=True)
class Badge(Mark):
    """A device that works for a node: a dot in its colour, and its name and share where there is room."""

    text: str
    number: int

    def draw(self, painter: QPainter) -> None:
        c, place = theme.colors(), self.place
        color = QColor(c.line(self.number))
        painter.setPen(QPen(color, 1.2))
        painter.setBrush(QColor(c.raised))
        painter.drawRoundedRect(place, 4, 4)
        painter.setBrush(color)
        painter.drawEllipse(QPointF(place.left() + 7, place.center().y()), 3.5, 3.5)
        if self.text:
            painter.setPen(QColor(c.text))
            painter.drawText(place.adjusted(14, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self.text)
