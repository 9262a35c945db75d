"""A node seen from afar: its title and its state at a size that can be read, in place of everything else."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QApplication

from cluster4npu.ui import theme

if TYPE_CHECKING:
    from cluster4npu.ui.editor.node_item import NodeItem

SMALL = 0.6  # below this zoom the words on a node are too small to be read
TEXT_PX = 11  # on the screen
_STRIP_PX = 13  # for the word of a state
ROOM_PX = 4
_TIGHT_PX = 4  # of the space over and under the letters
_NARROWEST = 0.55  # of the width of letters
_LEAST_TITLE_PX = 24
_SIGNS = {"fail": "✕", "warn": "!", "bypassed": "⊘"}  # a state is told by shape and word, not by colour alone


def draw(painter: QPainter, item: NodeItem, zoom: float) -> None:
    """Draw a node at (0, 0) as it is seen at this zoom (screen pixels for one of the canvas)."""
    c = theme.colors()
    painter.save()
    painter.scale(1 / zoom, 1 / zoom)
    box = QRectF(0.0, 0.0, item.size[0] * zoom, item.size[1] * zoom)
    word, status = item.footer
    edge = {"fail": c.fail, "warn": c.warn, "bypassed": c.muted}.get(status, c.border)
    outline = QPainterPath()
    outline.addRoundedRect(box, 3.0, 3.0)
    painter.fillPath(outline, QColor(c.muted if status == "bypassed" else item.header_color))
    if word:
        box = _draw_state(painter, box, f"{_SIGNS[status]} {word}", _SIGNS[status], edge)
    if not box.isEmpty():
        draw_title(painter, box, item.name)
    pen = QPen(QColor(c.accent if item.chosen else edge), 2.5 if item.chosen else 2.0 if word else 1.0)
    if item.faint:
        pen.setStyle(Qt.PenStyle.DashLine)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(outline)
    painter.restore()


def draw_title(painter: QPainter, box: QRectF, title: str) -> None:
    """Draw a title into a box (screen pixels), in as many lines as it has room for; the last one may be shortened."""
    font = _font(bold=True)
    spacing = QFontMetricsF(font).lineSpacing()
    width, most = box.width() - ROOM_PX, max(1, int((box.height() + _TIGHT_PX) // spacing))
    narrow, lines = _laid_out(title, round(width), most, font.key())
    painter.save()
    painter.translate(box.left() + ROOM_PX / 2, box.center().y() - len(lines) * spacing / 2)
    painter.scale(narrow, 1.0)
    painter.setFont(font)
    painter.setPen(QColor("#ffffff"))
    for number, line in enumerate(lines):
        place = QRectF(0.0, number * spacing, width / narrow, spacing)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine), line)
    painter.restore()


@lru_cache(maxsize=5_000)
def _laid_out(title: str, width: float, most: int, _font_key: str) -> tuple[float, list[str]]:
    """Return how much narrower the letters are, and the lines; `_font_key` tells of which font they are."""
    metrics = QFontMetricsF(_font(bold=True))
    longest = max((metrics.horizontalAdvance(word) for word in title.split()), default=0.0)
    narrow = max(_NARROWEST, min(1.0, width / max(longest, 1.0)))  # rather than a word in two pieces
    return narrow, _wrapped(title, metrics, width / narrow, most)


def _font(*, bold: bool) -> QFont:
    font = QFont(QApplication.font())
    font.setPixelSize(TEXT_PX)
    font.setBold(bold)
    return font


def _draw_state(painter: QPainter, box: QRectF, words: str, sign: str, color: str) -> QRectF:
    """Draw what is wrong into a strip at the foot, or its sign alone; return what is left for the title."""
    font = _font(bold=False)
    fits = QFontMetricsF(font).horizontalAdvance(words) <= box.width() - 2
    flat = box.height() < 3 * _STRIP_PX
    tiny = box.width() < _LEAST_TITLE_PX + _STRIP_PX  # a title would be two letters: the sign tells more
    strip = box if tiny else QRectF(box.left(), box.bottom() - _STRIP_PX, box.width(), _STRIP_PX)
    if flat and not tiny:
        strip = QRectF(box.right() - _STRIP_PX, box.top(), _STRIP_PX, box.height())
    painter.fillRect(strip, QColor(color))
    painter.setFont(font)
    painter.setPen(QColor(theme.colors().surface))
    painter.drawText(strip, int(Qt.AlignmentFlag.AlignCenter), words if fits and not flat else sign)
    if tiny:
        return QRectF()
    return box.adjusted(0, 0, -_STRIP_PX, 0) if flat else box.adjusted(0, 0, 0, -_STRIP_PX)


def _wrapped(text: str, metrics: QFontMetricsF, width: float, most: int) -> list[str]:
    """Return the text in at most so many lines of this width; a line that is too long is shortened, no word is cut."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if metrics.horizontalAdvance(longer) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = longer
    return [metrics.elidedText(line, Qt.TextElideMode.ElideRight, width) for line in lines]
