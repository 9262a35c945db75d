"""Whether what is written on labels and buttons has room there."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QCoreApplication, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QDialog, QLabel, QWidget

_SLACK_PX = 2


def squeezed(dialog: QWidget) -> Iterator[str]:
    """Return what does not fit: in a dialog when it is as small as it can be made, in anything else as it is."""
    QCoreApplication.processEvents()
    if not isinstance(dialog, QDialog):
        yield from cut(dialog)
        return
    before = dialog.size()
    dialog.resize(dialog.minimumSizeHint().expandedTo(dialog.minimumSize()))
    QCoreApplication.processEvents()
    yield from cut(dialog)
    dialog.resize(before)


def cut(window: QWidget) -> Iterator[str]:
    """Return every text of a label or button that is seen in part only and is not told whole by its tool tip."""
    for widget in (*window.findChildren(QLabel), *window.findChildren(QAbstractButton)):
        text = widget.text()
        unseen = not widget.isVisibleTo(window) or widget.visibleRegion().isEmpty()
        if not text or unseen or _tells_whole(widget, text) or _shortens(widget):
            continue
        needed, given = _needed(widget), widget.size()
        if needed.width() > given.width() + _SLACK_PX or needed.height() > given.height() + _SLACK_PX:
            yield f"{text!r} needs {needed.toTuple()} and has {given.toTuple()}"
        elif beyond := _beyond_the_edge(widget):
            yield f"{text!r} stands {beyond} px beyond the edge of what scrolls only down"


def _shortens(widget: QWidget) -> bool:
    """Tell whether the widget shortens its own text, and tells it whole when it is painted."""
    return type(widget).__name__ in ("ElidedLabel", "ElidedChip", "NameCheck")


def _tells_whole(widget: QWidget, text: str) -> bool:
    return text.replace("&", "") in widget.toolTip().replace("&", "")


def _needed(widget: QLabel | QAbstractButton) -> QSize:
    if isinstance(widget, QAbstractButton):
        return QSize(widget.minimumSizeHint().width(), widget.fontMetrics().height())
    if widget.textFormat() == Qt.TextFormat.RichText:
        page = QTextDocument()
        page.setDefaultFont(widget.font())
        page.setHtml(widget.text())
        if widget.wordWrap():
            page.setTextWidth(widget.width())
        return QSize(round(page.idealWidth()) - 8, 0)  # without the page's margins
    room = widget.contentsRect()
    flags = int(Qt.TextFlag.TextWordWrap) if widget.wordWrap() else 0
    flags |= int(Qt.TextFlag.TextShowMnemonic) if widget.buddy() is not None else 0
    words = widget.fontMetrics().boundingRect(QRect(0, 0, room.width(), 10_000), flags, widget.text())
    return words.size() + widget.size() - room.size()


def _beyond_the_edge(widget: QWidget) -> int:
    """Return how many pixels of a widget cannot be reached, since what it lies in does not scroll sideways."""
    area = widget.parentWidget()
    while area is not None and not isinstance(area, QAbstractScrollArea):
        area = area.parentWidget()
    if area is None or area.horizontalScrollBarPolicy() != Qt.ScrollBarPolicy.ScrollBarAlwaysOff:
        return 0
    right = widget.mapTo(area.viewport(), QPoint(widget.width(), 0)).x()
    return max(0, right - area.viewport().width() - _SLACK_PX)
