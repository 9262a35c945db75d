"""What a reader sees: the words that a widget really paints, and those that it tells on asking."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from PySide6.QtCore import QBuffer, QIODevice, QPoint
from PySide6.QtGui import QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

_TEXT = "{http://www.w3.org/2000/svg}text"
# The pseudo-translation accents every vowel, so a run of plain letters with one was not translated.
_PLAIN = re.compile(r"[A-Za-z]{3,}")
_VOWEL = re.compile("[aeiouyAEIOUY]")


def painted(widget: QWidget) -> list[str]:
    """Return each piece of text that the widget paints, in the order of painting."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    svg = QSvgGenerator()
    svg.setOutputDevice(buffer)
    svg.setSize(widget.size())
    painter = QPainter(svg)
    QWidget.render(widget, painter, QPoint())
    painter.end()
    root = ET.fromstring(bytes(buffer.data().data()))
    return ["".join(element.itertext()) for element in root.iter(_TEXT)]


def on_asking(widget: QWidget) -> Iterator[str]:
    """Return the title, the tool tips and the accessible names of a widget and of what is seen in it."""
    yield widget.windowTitle()
    for part in (widget, *widget.findChildren(QWidget)):
        if part.isVisibleTo(widget):
            yield re.sub("<[^>]*>", " ", part.toolTip())
            yield part.accessibleName()


def plain_words(text: str) -> list[str]:
    """Return the words of a text in the pseudo-translation that were not translated."""
    return [word for word in _PLAIN.findall(text) if _VOWEL.search(word)]
