"""Everything the window can do, found by a few letters (Ctrl+Shift+P), and the list of all keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.nodes import node_types
from cluster4npu.ui.search_popup import Entry, SearchPopup
from cluster4npu.ui.text import tr

if TYPE_CHECKING:
    from cluster4npu.ui.main_window import MainWindow

_SIZE = (520, 420)
_MOST_SEQUENCES = 2  # of one action; some have a key of rare keyboards besides
_MOST_KEYS = 220  # pixels; longer ones are wrapped


@dataclass(frozen=True)
class Command:
    """One thing that can be done: where it belongs, its keys as text, and how it is done."""

    title: str
    group: str
    keys: str
    run: Callable[[], object]
    enabled: bool = True


def commands(window: MainWindow) -> list[Command]:
    """Return all that can be done: the actions of window and canvas, panels, nodes to add or to go to."""
    return [*_window_commands(window), *_canvas_commands(window), *_node_commands(window)]


class CommandPalette(QObject):
    """Opens the search over `commands`."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._commands: list[Command] = []
        self.popup = SearchPopup("What do you want to do?", _SIZE, window)
        self.popup.chosen.connect(lambda row: self._commands[int(row)].run())

    def open(self) -> None:
        """Show it below the upper edge of the window."""
        own = self._window.actions_by_name["command_palette"].text().replace("&", "")
        self._commands = [c for c in commands(self._window) if c.enabled and c.title != own]
        entries = [
            Entry(c.title, str(row), words=c.group, hint=c.keys or c.group)
            for row, c in enumerate(self._commands)
        ]
        left = (self._window.width() - _SIZE[0]) // 2
        self.popup.open_at(self._window.mapToGlobal(QPoint(left, 70)), entries)


class ShortcutList(QDialog):
    """Every action that has a key, by group, with a field to search in."""

    def __init__(self, listed: Sequence[Command], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keyboard shortcuts"))
        self.search = QLineEdit(placeholderText=tr("Search actions and keys"), clearButtonEnabled=True)
        self.search.setAccessibleName(tr("Search actions and keys"))
        gestures = [Command(tr(g.title), tr(g.group), tr(g.keys), g.run) for g in _GESTURES]
        rows = [c for c in listed if c.keys] + gestures
        self.table = QTableWidget(len(rows), 3)
        self.table.setAccessibleName(tr("Keyboard shortcuts"))
        self.table.setHorizontalHeaderLabels([tr("Action"), tr("Keys"), tr("Where")])
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        for row, command in enumerate(rows):
            for column, text in enumerate((command.title, command.keys, command.group)):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.table.setColumnWidth(1, min(self.table.sizeHintForColumn(1) + 12, _MOST_KEYS))
        self.table.horizontalHeader().sectionResized.connect(self.table.resizeRowsToContents)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (self.search, self.table, buttons):
            layout.addWidget(widget)
        self.resize(640, 560)
        self.search.textChanged.connect(self._filter)

    def _filter(self, text: str) -> None:
        wanted = text.casefold()
        for row in range(self.table.rowCount()):
            told = " ".join(_text(self.table.item(row, column)) for column in range(3)).casefold()
            self.table.setRowHidden(row, wanted not in told)


_GESTURES = tuple(
    Command(title, "Canvas", keys, lambda: None)
    for title, keys in (
        ("Add a node by search", "Tab, or a double click"),
        ("Add a node that fits", "drag a wire into the empty"),
        ("Insert a node into a wire", "double click on the wire, or drop a node on it"),
        ("Leave the canvas", "Shift+Tab"),
        ("Give up a wire, or deselect", "Escape"),
        ("Cut through wires", "Alt+Shift and drag"),
        ("Move the view", "middle button, or Alt and drag"),
        ("Zoom", "mouse wheel"),
        ("Add to the selection", "Shift and click"),
    )
)


def _window_commands(window: MainWindow) -> Iterator[Command]:
    for action in window.actions_by_name.by_name.values():
        yield _of(action, tr("Window"), action.trigger, action.isEnabled())
    for path in window.preferences.recent:
        if path.is_file():
            yield Command(
                tr("Open {0}").format(path.name), tr("Recent"), "", partial(window.files.open, path)
            )


def _canvas_commands(window: MainWindow) -> Iterator[Command]:
    def run(action: QAction) -> None:
        window.show_designer()
        action.trigger()

    for action in window.workspace.editor.actions_by_name.values():
        yield _of(action, tr("Canvas"), partial(run, action))
    for action in window.workspace.view_actions():
        yield _of(action, tr("Panel"), partial(run, action))


def _node_commands(window: MainWindow) -> Iterator[Command]:
    editor = window.workspace.editor

    def add(key: str) -> None:
        window.show_designer()
        editor.add_node(key)

    def go(node_id: str) -> None:
        window.show_designer()
        editor.select_node(node_id)
        editor.setFocus(Qt.FocusReason.ShortcutFocusReason)

    for key, cls in node_types().items():
        yield Command(tr("Add {0}").format(tr(cls.title)), tr("Node"), "", partial(add, key))
    for node in window.document.config.nodes:
        yield Command(tr("Go to {0}").format(node.title or node.id), tr("Node"), "", partial(go, node.id))


def _of(action: QAction, group: str, run: Callable[[], object], enabled: bool = True) -> Command:
    native = QKeySequence.SequenceFormat.NativeText
    keys = ", ".join(key.toString(native) for key in action.shortcuts()[:_MOST_SEQUENCES])
    return Command(action.text().replace("&", ""), group, keys, run, enabled)


def _text(item: QTableWidgetItem | None) -> str:
    return item.text() if item is not None else ""
