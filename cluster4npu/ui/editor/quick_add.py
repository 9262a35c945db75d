"""A search box on the canvas: type a few letters, Enter adds the node."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Node, Port
from cluster4npu.ui import theme
from cluster4npu.ui.editor.items import OUTPUT

_KEY = Qt.ItemDataRole.UserRole
_WIDTH, _HEIGHT = 280, 260
_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -8, Qt.Key.Key_PageDown: 8}


class QuickAdd(QFrame):
    """Lists node types, best match first. `chosen` carries the key of one; it closes by Escape or another click."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("QuickAdd")
        self._offered: list[str] = []
        self.search = QLineEdit(placeholderText="Add a node: type its name", clearButtonEnabled=True)
        self.search.setAccessibleName("Add a node")
        self.list = QListWidget()
        self.list.setAccessibleName("Node types that fit")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.note = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.note.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        for widget in (self.search, self.list, self.note):
            layout.addWidget(widget)
        self.setFixedSize(_WIDTH, _HEIGHT)
        self.search.installEventFilter(self)
        self.search.textChanged.connect(self._fill)
        self.list.itemClicked.connect(self._take)
        self.list.itemActivated.connect(self._take)

    def open_at(self, where: QPoint, types: Iterable[str], note: str = "") -> None:
        """Show these types at a global place; `note` says why only these."""
        self._offered = list(types)
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.search.clear()
        self._fill("")
        screen = self.screen().availableGeometry()
        x = min(where.x(), screen.right() - _WIDTH)
        y = min(where.y(), screen.bottom() - _HEIGHT)
        self.move(max(x, screen.left()), max(y, screen.top()))
        self.show()
        self.search.setFocus()

    def shown_types(self) -> list[str]:
        """Return the keys that are listed, best first."""
        return [self.list.item(row).data(_KEY) for row in range(self.list.count())]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # these keys are the search's now, not the canvas's
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = _STEPS.get(Qt.Key(event.key()))
            if step is not None:
                row = self.list.currentRow() + step
                self.list.setCurrentRow(min(max(row, 0), self.list.count() - 1))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab):
                self._take(self.list.currentItem())
                return True
        return False

    def _fill(self, text: str) -> None:
        self.list.clear()
        ranked = sorted((rank, key) for key in self._offered if (rank := _rank(node_types()[key], text)) < 9)
        order = [key for _, key in ranked] if text.strip() else self._offered
        for key in order:
            cls = node_types()[key]
            item = QListWidgetItem(theme.swatch(theme.colors().category(cls.category)), cls.title, self.list)
            item.setData(_KEY, key)
            item.setToolTip(cls.description)
        self.list.setCurrentRow(0)

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            key = str(item.data(_KEY))
            self.hide()
            self.chosen.emit(key)


def fitting_types(port: Port | None, side: str) -> list[str]:
    """Return the node types that a wire from this port (of this side) can be led to."""
    return [key for key, cls in node_types().items() if port is not None and fitting_port(cls, port, side)]


def fitting_port(cls: type[Node], port: Port, side: str) -> str:
    """Return the name of the port to which the wire leads; "" where none fits."""
    if side == OUTPUT:
        return next((p.name for p in cls.inputs if p.accepts(port)), "")
    return next((p.name for p in cls.outputs if port.accepts(p)), "")


def _rank(cls: type[Node], text: str) -> int:
    """Return how well a type matches: 0 best, 9 not at all."""
    wanted, title = text.casefold().strip(), cls.title.casefold()
    if title.startswith(wanted):
        return 0
    if any(word.startswith(wanted) for word in (*title.split(), cls.type, *cls.type.split("_"))):
        return 1
    told = f"{title} {cls.type} {cls.category} {cls.description}".casefold()
    if wanted in title:
        return 2
    return 3 if all(word in told for word in wanted.split()) else 9
