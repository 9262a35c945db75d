"""A pseudo-translation: every text 40% longer and with accents, to see what longer words would break."""

from __future__ import annotations

import re

from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDockWidget,
    QGroupBox,
    QLabel,
    QLineEdit,
    QTabWidget,
    QToolButton,
    QTreeWidget,
    QWidget,
)

GROWTH = 0.4
_WORD_LENGTH = 6  # of what is added: lines break between words
_ACCENTS = str.maketrans("aeiouyAEIOUYcnsz", "åéîöüýÅÉÎÖÜÝçñšž")
_LEFT_ALONE = re.compile(r"<[^>]*>|&\w+;|\{[^}]*\}")  # markup, entities, gaps to be filled
_WORD = re.compile(r"[A-Za-z]{2}")


def pseudo(text: str) -> str:
    """Return a text as a longer language would have it; what has no words (figures, icons) stays."""
    if not _WORD.search(_LEFT_ALONE.sub("", text)) or text.startswith("["):
        return text
    parts = _LEFT_ALONE.split(text)
    kept = _LEFT_ALONE.findall(text)
    changed = [part.translate(_ACCENTS) for part in parts]
    grown = "".join(part + mark for part, mark in zip(changed, [*kept, ""], strict=True))
    longer = max(1, round(len(_LEFT_ALONE.sub("", text)) * GROWTH) - 2)
    filler = ("~" * _WORD_LENGTH + " ") * (longer // (_WORD_LENGTH + 1)) + "~" * (longer % (_WORD_LENGTH + 1))
    filler = filler.strip()
    return f"[{grown} {filler}]" if " " in text else f"[{grown}{filler}]"


def translate(root: QWidget) -> None:
    """Replace every text that a widget and all inside it show; what is set afterwards is not."""
    for widget in (root, *root.findChildren(QWidget)):
        _translate_one(widget)
        widget.updateGeometry()
    for action in root.findChildren(QAction):
        action.setText(pseudo(action.text()))


def _translate_one(widget: QWidget) -> None:
    match widget:
        case QLabel() if widget.text():
            widget.setText(pseudo(widget.text()))
        case QToolButton() if widget.defaultAction() is not None:
            pass  # shows its action's text
        case QAbstractButton() if widget.text():
            widget.setText(pseudo(widget.text()))
        case QGroupBox():
            widget.setTitle(pseudo(widget.title()))
        case QDockWidget():
            widget.setWindowTitle(pseudo(widget.windowTitle()))
        case QTabWidget():
            for index in range(widget.count()):
                widget.setTabText(index, pseudo(widget.tabText(index)))
        case QComboBox() if not widget.isEditable():
            for index in range(widget.count()):
                widget.setItemText(index, pseudo(widget.itemText(index)))
        case QLineEdit():
            widget.setPlaceholderText(pseudo(widget.placeholderText()))
        case QTreeWidget():
            header = widget.headerItem()
            for column in range(widget.columnCount()):
                if header is not None:
                    header.setText(column, pseudo(header.text(column)))
        case _:
            pass
