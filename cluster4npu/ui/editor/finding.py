"""Finds a node or a comment of the pipeline by a few letters, and brings it into view."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint

from cluster4npu.core.nodes import node_types
from cluster4npu.ui import theme
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.canvas import Canvas
from cluster4npu.ui.editor.node_item import summary
from cluster4npu.ui.search_popup import Entry, SearchPopup
from cluster4npu.ui.text import tr

_SIZE = (380, 300)
_TOP_PX = 24  # below the upper edge of the canvas
_NODE, _BOX = "node ", "box "


class Finding(QObject):
    """Lists what is on the canvas: titles, ids, types, files and devices are all searched."""

    def __init__(self, document: Document, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._document, self._canvas = document, canvas
        self.popup = SearchPopup("Find a node or a comment", _SIZE, canvas)
        self.popup.chosen.connect(self._go)

    def open(self) -> None:
        """Open the search over the canvas."""
        view = self._canvas.viewport()
        where = QPoint((view.width() - _SIZE[0]) // 2, _TOP_PX)
        self.popup.open_at(view.mapToGlobal(where), self._entries())

    def _entries(self) -> list[Entry]:
        types, c = node_types(), theme.colors()
        entries = []
        for node in self._document.config.nodes:
            cls = types.get(node.type)
            title = node.title or (tr(cls.title) if cls else node.type)
            words = " ".join((node.id, node.type, tr(cls.title) if cls else "", *summary(node, cls)))
            color = c.category(cls.category if cls else "")
            entries.append(Entry(title, _NODE + node.id, words, hint=node.id, color=color))
        for box in self._document.config.boxes:
            title = box.text.split("\n")[0]
            entries.append(Entry(title, _BOX + box.id, box.text, hint=tr("Comment")))
        return entries

    def _go(self, value: str) -> None:
        if value.startswith(_NODE):
            node = value.removeprefix(_NODE)
            if node in self._canvas.items_by_id:
                self._canvas.select([node])
                self._canvas.reveal(node)
        elif (box := self._canvas.boxes.items.get(value.removeprefix(_BOX))) is not None:
            self._canvas.select(())
            self._canvas.boxes.select([value.removeprefix(_BOX)])
            self._canvas.look_at(box.sceneBoundingRect().center())
        self._canvas.setFocus()
