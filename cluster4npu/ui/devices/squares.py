"""Small squares in the colours of workers, which stand before their names."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

from cluster4npu.ui import theme

SIDE = 12
_MOST = 4  # bars in one square


def squares(colors: Sequence[str]) -> QIcon:
    """Return one square with a bar for each of these colours; without any, only its outline."""
    pixmap = QPixmap(SIDE, SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    shown = list(dict.fromkeys(colors))[:_MOST]
    for at, color in enumerate(shown):
        left, right = (n * SIDE // len(shown) for n in (at, at + 1))
        painter.fillRect(QRect(left, 0, right - left, SIDE), QColor(color))
    if not shown:
        painter.setPen(QColor(theme.colors().border))
        painter.drawRect(0, 0, SIDE - 1, SIDE - 1)
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # else a selected row paints it over in its own colour
    return icon
