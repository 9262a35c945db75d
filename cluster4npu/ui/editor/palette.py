"""The palette: every node type by category, to drag to the canvas or to add with Enter."""

from __future__ import annotations

import html
from collections.abc import Sequence

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.nodes import node_types
from cluster4npu.ui import theme
from cluster4npu.ui.editor.dropping import NODE_MIME
from cluster4npu.ui.text import tr

_MARGIN = 8
_KEY = Qt.ItemDataRole.UserRole
_CATEGORY = Qt.ItemDataRole.UserRole + 1


class NodePalette(QWidget):
    """Lists node types; `node_activated` asks for one (double click, or Enter), a drag carries its key."""

    node_activated = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = QLineEdit(clearButtonEnabled=True, placeholderText=tr("Search nodes"))
        self.search.setAccessibleName(tr("Search nodes"))
        self.tree = _Tree()
        self._nothing = QLabel(tr("No node matches."), wordWrap=True)
        theme.give_role(self._nothing, "muted")
        self._nothing.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        layout.addWidget(self.search)
        layout.addWidget(self._nothing)
        layout.addWidget(self.tree)
        self._fill()
        self.search.textChanged.connect(self._filter)
        self.search.returnPressed.connect(self._activate_first)
        self.tree.wanted.connect(self.node_activated)
        theme.changes().changed.connect(self._paint_icons)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down and self.search.hasFocus():
            self.tree.setFocus()
            self._select_first()
            return
        super().keyPressEvent(event)

    def width_of_names(self) -> int:
        """Return how wide it must be for every name to be seen whole (px)."""
        bar = self.tree.verticalScrollBar().sizeHint().width()
        return self.tree.sizeHintForColumn(0) + bar + 2 * self.tree.frameWidth() + 2 * _MARGIN

    def shown_types(self) -> list[str]:
        """Return the keys of the node types that match the search."""
        return [item.data(0, _KEY) for item in self._items() if not item.isHidden()]

    def _fill(self) -> None:
        groups: dict[str, QTreeWidgetItem] = {}
        for key, cls in node_types().items():
            if cls.category not in groups:
                group = QTreeWidgetItem(self.tree, [tr(cls.category)])
                group.setFlags(Qt.ItemFlag.ItemIsEnabled)
                font = group.font(0)
                font.setBold(True)
                group.setFont(0, font)
                groups[cls.category] = group
            item = QTreeWidgetItem(groups[cls.category], [tr(cls.title)])
            item.setToolTip(
                0, f"<p><b>{html.escape(tr(cls.title))}</b><br>{html.escape(tr(cls.description))}</p>"
            )
            item.setData(0, _KEY, key)
            item.setData(0, _CATEGORY, cls.category)
        self.tree.expandAll()
        self._paint_icons()

    def _paint_icons(self) -> None:
        for item in self._items():
            item.setIcon(0, theme.swatch(theme.colors().category(item.data(0, _CATEGORY))))

    def _groups(self) -> list[QTreeWidgetItem]:
        return _children(self.tree.invisibleRootItem())

    def _items(self) -> list[QTreeWidgetItem]:
        return [item for group in self._groups() for item in _children(group)]

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for item in self._items():
            cls = node_types()[item.data(0, _KEY)]
            told = (
                f"{tr(cls.title)} {cls.title} {cls.type} {tr(cls.category)} {tr(cls.description)}".casefold()
            )
            item.setHidden(not all(word in told for word in words))
        for group in self._groups():
            group.setHidden(all(item.isHidden() for item in _children(group)))
        self._nothing.setVisible(not self.shown_types())

    def _select_first(self) -> None:
        shown = [item for item in self._items() if not item.isHidden()]
        if shown and (self.tree.currentItem() not in shown):
            self.tree.setCurrentItem(shown[0])

    def _activate_first(self) -> None:
        shown = self.shown_types()
        if shown and self.search.text().strip():
            self.node_activated.emit(shown[0])


class _Tree(QTreeWidget):
    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(12)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("Node types"))
        self.itemDoubleClicked.connect(self._want)

    def mimeTypes(self) -> list[str]:
        return [NODE_MIME]

    def mimeData(self, items: Sequence[QTreeWidgetItem]) -> QMimeData:
        data = QMimeData()
        data.setData(NODE_MIME, str(items[0].data(0, _KEY)).encode())
        return data

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._want(self.currentItem())
            return
        super().keyPressEvent(event)

    def _want(self, item: QTreeWidgetItem | None) -> None:
        if item is not None and item.data(0, _KEY):
            self.wanted.emit(item.data(0, _KEY))


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    return [child for i in range(item.childCount()) if (child := item.child(i)) is not None]
