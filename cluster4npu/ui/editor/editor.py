"""The editor: the canvas, wired to the document, with the actions that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes import node_types
from cluster4npu.core.pipeline.config import EdgeConfig
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.canvas import Canvas
from cluster4npu.ui.editor.layout import arranged

_STEP = 12.0  # pixels that an arrow key moves a node


class EnhancedPipelineEditor(QWidget):
    """Shows a document as nodes and wires; every gesture becomes one call of the document."""

    node_selected = Signal(str)  # the one selected node, or "" for none or several
    refused = Signal(str)  # why a wire was not made

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.canvas = Canvas(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.setFocusProxy(self.canvas)
        self._selected = ""
        self._path = document.path
        self._fit_wanted = True
        self.actions_by_name = self._make_actions()
        self._connect()
        self._show()
        self.canvas.show_problems(document.problems)

    def _connect(self) -> None:
        self.document.config_changed.connect(self._show)
        self.document.path_changed.connect(self.fit_later)
        self.document.problems_changed.connect(self.canvas.show_problems)
        self.canvas.node_dropped.connect(self.add_node)
        self.canvas.nodes_moved.connect(self.document.move_nodes)
        self.canvas.wires_drawn.connect(self._rewire)
        self.canvas.wire_refused.connect(self._refuse)
        self.canvas.selection_changed.connect(self._on_selection)
        self.canvas.menu_wanted.connect(self._show_menu)

    def _make_actions(self) -> dict[str, QAction]:
        keys = QKeySequence.StandardKey
        specs: list[
            tuple[str, str, Sequence[QKeySequence | QKeySequence.StandardKey | str], Callable[[], object]]
        ] = [
            ("delete", "Remove", ["Del", "Backspace"], self.remove_selection),
            ("copy", "Copy", [keys.Copy], self.copy_selection),
            ("paste", "Paste", [keys.Paste], self.paste),
            ("duplicate", "Duplicate", ["Ctrl+D"], self.duplicate),
            ("select_all", "Select all", [keys.SelectAll], self.select_all),
            ("fit", "Show all", ["F"], self.fit),
            ("arrange", "Arrange nodes", ["Ctrl+L"], self.arrange),
            ("zoom_in", "Zoom in", [keys.ZoomIn, "Ctrl+="], lambda: self.canvas.zoom_by(1.2)),
            ("zoom_out", "Zoom out", [keys.ZoomOut], lambda: self.canvas.zoom_by(1 / 1.2)),
            ("left", "Move left", ["Left"], lambda: self._nudge(-_STEP, 0)),
            ("right", "Move right", ["Right"], lambda: self._nudge(_STEP, 0)),
            ("up", "Move up", ["Up"], lambda: self._nudge(0, -_STEP)),
            ("down", "Move down", ["Down"], lambda: self._nudge(0, _STEP)),
        ]
        actions = {}
        for name, text, shortcuts, slot in specs:
            action = QAction(text, self)
            action.setShortcuts([QKeySequence(key) for key in shortcuts])
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(slot)
            self.addAction(action)
            actions[name] = action
        return actions

    # --- for the window around it ---

    def add_node(self, type: str, place: tuple[float, float] | None = None) -> None:
        """Add a node with its title bar at this place (canvas pixels; None: the middle of what is seen)."""
        x, y = place or self._free_place()
        node_id = self.document.add_node(type, (x - 85.0, y - 22.0))
        self.canvas.select([node_id])
        self.canvas.setFocus()

    def select_node(self, node_id: str) -> None:
        """Select one node and bring it into view; does nothing when it is gone."""
        if node_id in self.canvas.items_by_id:
            self.canvas.select([node_id])
            self.canvas.reveal(node_id)

    def set_node_badges(self, figures: Mapping[str, str]) -> None:
        """Show a short measured figure ("12.3 ms") on these nodes, by id, and none on the others."""
        self.canvas.show_figures(figures)

    def fit(self) -> None:
        """Show the whole pipeline."""
        self.canvas.fit()

    def fit_later(self) -> None:
        """Show the whole pipeline as soon as the editor has its size."""
        self._fit_wanted = True
        QTimer.singleShot(0, self, self._fit_once)

    def arrange(self) -> None:
        """Put the nodes into columns, from sources to outputs."""
        sizes = {n: item.size for n, item in self.canvas.items_by_id.items()}
        self.document.move_nodes(arranged(self.document.config, sizes), "Arrange nodes")
        self.fit()

    def remove_selection(self) -> None:
        """Remove the selected nodes and wires in one step."""
        ids, edges = self.canvas.selected_ids(), self.canvas.selected_edges()
        if ids or edges:
            self.document.remove_nodes(ids, edges)

    def select_all(self) -> None:
        self.canvas.select(self.canvas.items_by_id)

    def copy_selection(self) -> None:
        """Put the selected nodes on the clipboard, as the text of a pipeline."""
        if ids := self.canvas.selected_ids():
            QGuiApplication.clipboard().setText(self.document.copied(ids))

    def paste(self) -> None:
        """Add the nodes on the clipboard; any other text is refused."""
        self._paste(QGuiApplication.clipboard().text())

    def duplicate(self) -> None:
        """Add a second one of each selected node."""
        if ids := self.canvas.selected_ids():
            self._paste(self.document.copied(ids))

    # --- inside ---

    def _show(self) -> None:
        self.canvas.show_config(self.document.config)
        self._on_selection(self.canvas.selected_ids())

    def _fit_once(self) -> None:
        if self._fit_wanted and self.isVisible():
            self._fit_wanted = False
            self.canvas.fit()

    def showEvent(self, event: object) -> None:
        QTimer.singleShot(0, self, self._fit_once)

    def _paste(self, text: str) -> None:
        try:
            self.canvas.select(self.document.paste(text))
        except InputError as error:
            self._refuse(f"Nothing was pasted: {error.problems[0].text()}")

    def _rewire(self, remove: Sequence[EdgeConfig], add: Sequence[tuple[str, str]]) -> None:
        problem = self.document.rewire(remove, add)
        if problem is not None:
            self._refuse(wire_reason(problem))

    def _refuse(self, reason: str) -> None:
        self.canvas.tell(reason)
        self.refused.emit(reason)

    def _nudge(self, dx: float, dy: float) -> None:
        ids = self.canvas.selected_ids()
        places = {n.id: n.position for n in self.document.config.nodes if n.id in ids}
        if places:
            self.document.move_nodes({n: (x + dx, y + dy) for n, (x, y) in places.items()})

    def _on_selection(self, ids: Sequence[str]) -> None:
        selected = ids[0] if len(ids) == 1 else ""
        if selected != self._selected:
            self._selected = selected
            self.node_selected.emit(selected)

    def _free_place(self) -> tuple[float, float]:
        """Return the middle of what is seen, or beside it where a node stands there already."""
        x, y = self.canvas.middle()
        taken = {(round(n.position[0]), round(n.position[1])) for n in self.document.config.nodes}
        while (round(x - 85.0), round(y - 22.0)) in taken:
            x, y = x + 30.0, y + 30.0
        return x, y

    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        selected = bool(self.canvas.selected_ids() or self.canvas.selected_edges())
        if selected:
            menu.addActions([self.actions_by_name[n] for n in ("copy", "duplicate", "delete")])
            menu.addSeparator()
        else:
            place = self.canvas.mapToScene(self.canvas.mapFromGlobal(where))
            self._fill_add_menu(menu.addMenu("Add node"), (place.x(), place.y()))
        menu.addActions([self.actions_by_name[n] for n in ("paste", "select_all", "fit", "arrange")])
        menu.popup(where)

    def _fill_add_menu(self, menu: QMenu, place: tuple[float, float]) -> None:
        for key, cls in node_types().items():
            action = menu.addAction(cls.title)
            action.setToolTip(cls.description)
            action.triggered.connect(lambda _=False, key=key: self.add_node(key, place))


def wire_reason(problem: Problem) -> str:
    """Say why a wire cannot be made, for a person who has just drawn it."""
    parts = [problem.message[:1].upper() + problem.message[1:]]
    if problem.found and problem.allowed:
        parts.append(f"{problem.found}; {problem.node}.{problem.field} takes {problem.allowed}")
    elif problem.found:
        parts.append(problem.found)
    return ". ".join([": ".join(parts), problem.hint]) if problem.hint else ": ".join(parts) + "."
