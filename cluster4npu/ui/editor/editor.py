"""The editor: the canvas, wired to the document, with the actions that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QInputDialog, QMenu, QVBoxLayout, QWidget

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes import node_types
from cluster4npu.core.pipeline.bypass import meaning
from cluster4npu.core.pipeline.config import EdgeConfig
from cluster4npu.core.pipeline.graph import wire_problem
from cluster4npu.ui.document import Document, require_pastable
from cluster4npu.ui.editor.adding import TITLE, Adding
from cluster4npu.ui.editor.align import aligned
from cluster4npu.ui.editor.canvas import Canvas
from cluster4npu.ui.editor.editor_actions import ALIGN, CANVAS_MENU, MENU, make_actions
from cluster4npu.ui.editor.finding import Finding
from cluster4npu.ui.editor.keyboard import Keyboard
from cluster4npu.ui.editor.layout import arranged
from cluster4npu.ui.text import told_problem, tr

_BOX_MARGIN, _BOX_HEADER = 24.0, 30.0


class EnhancedPipelineEditor(QWidget):
    """Shows a document as nodes and wires; every gesture becomes one call of the document."""

    node_selected = Signal(str)  # the one selected node, or "" for none or several
    refused = Signal(str)  # why a wire was not made
    pipeline_dropped = Signal(object)  # Path of a pipeline file
    properties_wanted = Signal()  # the keyboard shall go to the selected node's properties

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.canvas = Canvas(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.setFocusProxy(self.canvas)
        self.adding = Adding(document, self.canvas)
        self.keyboard = Keyboard(document, self.canvas)
        self.finding = Finding(document, self.canvas)
        self._selected = ""
        self._path = document.path
        self._fit_wanted = True
        self.actions_by_name = make_actions(self)
        self._connect()
        self._show()
        self.canvas.show_problems(document.problems)

    def _connect(self) -> None:
        self.document.config_changed.connect(self._show)
        self.document.path_changed.connect(self.fit_later)
        self.document.problems_changed.connect(self.canvas.show_problems)
        self.adding.refused.connect(self._refuse)
        self.adding.models.told.connect(lambda text: self.canvas.tell(text, "accent"))
        self.keyboard.refused.connect(self._refuse)
        self.keyboard.insert_wanted.connect(self.adding.search_between)
        self.adding.pipeline_dropped.connect(self.pipeline_dropped)
        self.canvas.judge = self._judge
        self.canvas.nodes_moved.connect(self.document.move_nodes)
        self.canvas.boxes_moved.connect(self._move_boxes)
        self.canvas.box_edit_wanted.connect(self.edit_box)
        self.canvas.wires_drawn.connect(self._rewire)
        self.canvas.wire_refused.connect(self._refuse)
        self.canvas.selection_changed.connect(self._on_selection)
        self.canvas.menu_wanted.connect(self._show_menu)

    # --- for the window around it ---

    def add_node(self, type: str, place: tuple[float, float] | None = None) -> None:
        """Add a node with its title bar at this place (canvas pixels; None: the middle of what is seen)."""
        self.adding.add(type, place or self._free_place())

    def search_node(self) -> None:
        """Open the search for a node to add, in the middle of the canvas."""
        self.adding.search_at(self.canvas.viewport().rect().center())

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

    def align(self, kind: str) -> None:
        """Line the selected nodes up or spread them; `kind` is one of `align.KINDS`."""
        items = {n: self.canvas.items_by_id[n] for n in self.canvas.selected_ids()}
        if len(items) < 2:
            self.canvas.tell(tr("Select at least two nodes to line them up."))
            return
        rects = {n: (item.place, item.size) for n, item in items.items()}
        self.document.move_nodes(aligned(rects, kind), "Align nodes")

    def remove_selection(self) -> None:
        """Remove the selected nodes, wires and comments in one step."""
        ids, edges = self.canvas.selected_ids(), self.canvas.selected_edges()
        boxes = self.canvas.boxes.selected_ids()
        if ids or edges or boxes:
            self.document.remove_nodes(ids, edges, boxes)

    def bypass_selection(self) -> None:
        """Leave the selected nodes out of runs, or take them in again; what that means is told."""
        ids = self.canvas.selected_ids()
        if not ids:
            self.canvas.tell(tr("Select the nodes to bypass."))
        elif self.document.bypass(ids) and len(ids) == 1:
            self.canvas.tell(tr("Bypassed. {0}").format(meaning(self.document.config.node(ids[0]))), "accent")

    def group_selection(self) -> None:
        """Put a box around the selected nodes; they go where it goes."""
        items = [self.canvas.items_by_id[n] for n in self.canvas.selected_ids()]
        if not items:
            self.canvas.tell(tr("Select the nodes that shall be in the group."))
            return
        left = min(i.place[0] for i in items) - _BOX_MARGIN
        top = min(i.place[1] for i in items) - _BOX_MARGIN - _BOX_HEADER
        right = max(i.place[0] + i.size[0] for i in items) + _BOX_MARGIN
        bottom = max(i.place[1] + i.size[1] for i in items) + _BOX_MARGIN
        box_id = self.document.add_box(tr("Group"), (left, top), (right - left, bottom - top))
        self.canvas.boxes.select([box_id])

    def add_comment(self) -> None:
        """Add a comment in the middle of what is seen, and ask for its text."""
        x, y = self.canvas.middle()
        box_id = self.document.add_box(tr("Comment"), (x - 160.0, y - 60.0), (320.0, 120.0))
        self.canvas.select(())
        self.canvas.boxes.select([box_id])
        self.edit_box(box_id)

    def edit_selection(self) -> None:
        """Edit the text of the selected comment, or go to the properties of the selected node."""
        if boxes := self.canvas.boxes.selected_ids():
            self.edit_box(boxes[0])
        elif len(self.canvas.selected_ids()) == 1:
            self.properties_wanted.emit()

    def edit_box(self, box_id: str) -> None:
        """Ask for the text of a comment."""
        box = next(b for b in self.document.config.boxes if b.id == box_id)
        dialog = QInputDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(tr("Comment"))
        dialog.setLabelText(tr("The first line is the title."))
        dialog.setOption(QInputDialog.InputDialogOption.UsePlainTextEditForTextInput)
        dialog.setTextValue(box.text)
        dialog.textValueSelected.connect(lambda text: self._write_box(box_id, text))
        dialog.open()

    def select_all(self) -> None:
        self.canvas.select(self.canvas.items_by_id)
        self.canvas.boxes.select(self.canvas.boxes.items)

    def copy_selection(self) -> None:
        """Put the selected nodes and comments on the clipboard, as the text of a pipeline."""
        if text := self._copied():
            QGuiApplication.clipboard().setText(text)

    def cut_selection(self) -> None:
        """Copy the selection and remove it."""
        self.copy_selection()
        self.remove_selection()

    def paste(self) -> None:
        """Add the nodes on the clipboard; any other text is refused."""
        clipboard = QGuiApplication.clipboard()
        # The size first: to make a text of 60 MB takes half a second.
        self._paste(clipboard.text, clipboard.mimeData().data("text/plain").size())

    def duplicate(self) -> None:
        """Add a second one of each selected node."""
        if text := self._copied():
            self._paste(lambda: text)

    def fit_selection(self) -> None:
        """Show the selected nodes whole."""
        self.canvas.fit(self.canvas.selected_ids())

    def toggle_minimap(self) -> None:
        """Show or hide the overview."""
        self.canvas.minimap.wanted = not self.canvas.minimap.wanted
        self.actions_by_name["minimap"].setChecked(self.canvas.minimap.wanted)

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected nodes and comments by so many pixels."""
        ids, boxed = self.canvas.selected_ids(), self.canvas.boxes.selected_ids()
        places = {n.id: n.position for n in self.document.config.nodes if n.id in ids}
        boxes = {
            b.id: ((b.position[0] + dx, b.position[1] + dy), b.size)
            for b in self.document.config.boxes
            if b.id in boxed
        }
        if places or boxes:
            self.document.move_nodes({n: (x + dx, y + dy) for n, (x, y) in places.items()}, boxes=boxes)

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

    def _paste(self, text: Callable[[], str], size: int = 0) -> None:
        try:
            require_pastable(size)
            self.canvas.select(self.document.paste(text()))
        except InputError as error:
            self._refuse(tr("Nothing was pasted: {0}").format(told_problem(error.problems[0])))

    def _rewire(self, remove: Sequence[EdgeConfig], add: Sequence[tuple[str, str]]) -> None:
        problem = self.document.rewire(remove, add)
        if problem is not None:
            self._refuse(wire_reason(problem))

    def _judge(self, wire: EdgeConfig, removed: tuple[EdgeConfig, ...]) -> str:
        """Say why a wire that is being drawn would be refused; "" when it would be made."""
        config = self.document.config
        if removed:
            config = config.replace(edges=tuple(e for e in config.edges if e not in removed))
        if wire in config.edges:
            return tr("This wire is there already.")
        problem = wire_problem(config, wire)
        return wire_reason(problem) if problem is not None else ""

    def _refuse(self, reason: str) -> None:
        self.canvas.tell(reason)
        self.refused.emit(reason)

    def _copied(self) -> str:
        ids, boxes = self.canvas.selected_ids(), self.canvas.boxes.selected_ids()
        return self.document.copied(ids, boxes) if ids or boxes else ""

    def _move_boxes(self, boxes: Mapping[str, object], nodes: Mapping[str, tuple[float, float]]) -> None:
        self.document.move_nodes(nodes, boxes=boxes)  # type: ignore[arg-type]

    def _write_box(self, box_id: str, text: str) -> None:
        if any(b.id == box_id for b in self.document.config.boxes):
            problem = self.document.write_box(box_id, text)
            if problem is not None:
                self._refuse(wire_reason(problem))

    def _on_selection(self, ids: Sequence[str]) -> None:
        selected = ids[0] if len(ids) == 1 else ""
        if selected != self._selected:
            self._selected = selected
            self.node_selected.emit(selected)

    def _free_place(self) -> tuple[float, float]:
        """Return the middle of what is seen, or beside it where a node stands there already."""
        x, y = self.canvas.middle()
        taken = {(round(n.position[0]), round(n.position[1])) for n in self.document.config.nodes}
        while (round(x - TITLE[0]), round(y - TITLE[1])) in taken:
            x, y = x + 30.0, y + 30.0
        return x, y

    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        selected = bool(
            self.canvas.selected_ids() or self.canvas.selected_edges() or self.canvas.boxes.selected_ids()
        )
        actions = self.actions_by_name
        if selected:
            menu.addActions([actions[n] for n in MENU])
            if len(self.canvas.selected_ids()) > 1:
                menu.addMenu(tr("Align")).addActions([actions[n] for n, *_ in ALIGN])
            menu.addSeparator()
        else:
            place = self.canvas.mapToScene(self.canvas.mapFromGlobal(where))
            self._fill_add_menu(menu.addMenu(tr("Add node")), (place.x(), place.y()))
        menu.addActions([actions[n] for n in CANVAS_MENU])
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
