"""New nodes: by search on the canvas, at the end of a wire that was let go in the empty, and from dropped files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, QPointF, Signal

from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Place as NodePlace
from cluster4npu.core.nodes.base import Port
from cluster4npu.core.pipeline.config import EdgeConfig
from cluster4npu.ui.devices.allocation import give
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.canvas import Canvas
from cluster4npu.ui.editor.drops import Dropped, is_pipeline, node_for
from cluster4npu.ui.editor.items import INPUT, OUTPUT, PortDot
from cluster4npu.ui.editor.model_look import ModelLook
from cluster4npu.ui.editor.quick_add import fitting_types, type_entries, types_between
from cluster4npu.ui.search_popup import SearchPopup
from cluster4npu.ui.text import told_problem, tr

Place = tuple[float, float]
TITLE = (85.0, 22.0)  # where in a new node the pointer comes to lie
MOST_DROPPED = 32  # files at once: each becomes a node, and a model is looked into
_ROW = 130.0  # pixels between nodes of several dropped files


class Adding(QObject):
    """Adds nodes to the document for what was done on the canvas; `refused` carries the reason when it does not.

    `pipeline_dropped` carries the Path of a pipeline file, which is for the window to open. A dropped model is looked
    into (`models`), and its node set up by what it is.
    """

    refused = Signal(str)
    pipeline_dropped = Signal(object)

    def __init__(self, document: Document, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._document, self._canvas = document, canvas
        self.quick_add = SearchPopup("Add a node: type its name", (300, 280), canvas)
        self.models = ModelLook(document, self)
        self.models.refused.connect(self.refused)
        self._at: Place = (0.0, 0.0)
        self._wire: tuple[str, str] | None = None
        self._into: EdgeConfig | None = None  # the wire that the node comes into
        self.quick_add.chosen.connect(self._add_chosen)
        canvas.add_wanted.connect(self.search_at)
        canvas.wire_dropped.connect(self._search_for_wire)
        canvas.files_dropped.connect(self._add_files)
        canvas.fits_into = self._fits_into
        canvas.node_dropped.connect(self._drop)
        canvas.insert_wanted.connect(self.search_between)
        canvas.node_put_on_wire.connect(self._move_into)
        canvas.device_dropped.connect(self._give_device)

    def add(self, type: str, place: Place) -> None:
        """Add a node with its title bar at this place of the scene, and select it."""
        self._select(self._document.add_node(type, (place[0] - TITLE[0], place[1] - TITLE[1])))

    def search_at(self, where: QPoint) -> None:
        """Open the search; the node comes to this place of the viewport, or to the middle when that is outside."""
        view = self._canvas.viewport()
        where = where if view.rect().contains(where) else view.rect().center()
        scene = self._canvas.mapToScene(where)
        self._at, self._wire, self._into = (scene.x(), scene.y()), None, None
        self.quick_add.open_at(view.mapToGlobal(where), type_entries(node_types()))

    def search_between(self, edge: EdgeConfig) -> None:
        """Open the search over the types that can be put into a wire; the node comes to its middle."""
        wire = self._canvas.wires.get(edge)
        if wire is None:
            return
        types = types_between(self._port(edge.source, OUTPUT), self._port(edge.target, INPUT))
        told = f"{edge.source} → {edge.target}"
        if not types:
            self.refused.emit(tr("No node type fits between {0}.").format(told))
            return
        at = wire.path().pointAtPercent(0.5)
        self._at, self._wire, self._into = (at.x(), at.y()), None, edge
        where = self._canvas.viewport().mapToGlobal(self._canvas.mapFromScene(at))
        self.quick_add.open_at(where, type_entries(types), tr("Comes between {0}.").format(told))

    def _search_for_wire(self, address: str, side: str, at: QPointF) -> None:
        dot = self._dot(address, side)
        types = fitting_types(dot.port, side) if dot is not None else []
        if not types:
            self.refused.emit(f"No node type fits {address}.")
            return
        self._at, self._wire, self._into = (at.x(), at.y()), (address, side), None
        view = self._canvas.viewport()
        where = view.mapToGlobal(self._canvas.mapFromScene(at))
        note = (
            tr("Only nodes that take what {0} gives.")
            if side == OUTPUT
            else tr("Only nodes that give what {0} needs.")
        )
        self.quick_add.open_at(where, type_entries(types), note.format(address))

    def _add_chosen(self, key: str) -> None:
        x, y = self._at
        if self._into is not None:
            self._insert(key, (x, y), self._into)
            return
        if self._wire is None:
            self.add(key, self._at)
            return
        address, side = self._wire
        # The new node's port comes to lie where the wire was let go.
        place = (x, y - 62.0) if side == OUTPUT else (x - 2 * TITLE[0], y - 62.0)
        found = self._document.add_wired_node(key, place, address, outgoing=side == OUTPUT)
        if isinstance(found, Problem):
            self.refused.emit(found.text())
        else:
            self._select(found)

    def _drop(self, type: str, place: Place) -> None:
        """Add a node of the palette: into the wire that it was dropped on, where it fits there."""
        edge = self._canvas.wire_at(QPointF(*place))
        if edge is not None and self._fits_into(type, edge):
            self._insert(type, place, edge)
        else:
            self.add(type, place)

    def _fits_into(self, type: str, edge: EdgeConfig) -> bool:
        return type in types_between(self._port(edge.source, OUTPUT), self._port(edge.target, INPUT))

    def _insert(self, type: str, place: Place, edge: EdgeConfig) -> None:
        found = self._document.insert_node(type, (place[0] - TITLE[0], place[1] - TITLE[1]), edge)
        if isinstance(found, Problem):
            self.refused.emit(told_problem(found))
        else:
            self._select(found)

    def _move_into(self, node: str, place: Place, edge: EdgeConfig) -> None:
        """Put a node that was let go on a wire into it, where it fits; else it stands there only."""
        if self._document.move_into(node, place, edge) is not None:
            self._document.move_nodes({node: place})

    def _add_files(self, paths: Sequence[Path | str], place: Place) -> None:
        if len(paths) == 1 and is_pipeline(paths[0]):
            self.pipeline_dropped.emit(paths[0])
            return
        if len(paths) > MOST_DROPPED:
            self.refused.emit(told_problem(_flood(len(paths))))
            return
        found = [(path, node_for(path)) for path in paths]
        good = [dropped for _, dropped in found if isinstance(dropped, Dropped)]
        under = self._canvas.node_at(QPointF(*place))
        if len(good) == 1 and under is not None and under.signature[0] == good[0].type:
            self._document.set_param(under.id, good[0].param, good[0].value)
            self._select(under.id)
            self._look_into(under.id, good[0])
        elif good:
            self._add_all(good, place)
        for _, problem in found:
            if isinstance(problem, Problem):
                self.refused.emit(told_problem(problem))
                break

    def _give_device(self, device: str, place: Place) -> None:
        """Give a device to the stage that it was dropped on."""
        under = self._canvas.node_at(QPointF(*place))
        problem = give(self._document, device, under.id if under is not None else "")
        if problem is not None:
            self.refused.emit(told_problem(problem))
        elif under is not None:
            self._select(under.id)

    def _add_all(self, dropped: Sequence[Dropped], place: Place) -> None:
        x, y = place[0] - TITLE[0], place[1] - TITLE[1]
        ids = self._document.add_nodes(
            [(item.type, (x, y + row * _ROW), {item.param: item.value}) for row, item in enumerate(dropped)]
        )
        for node_id, item in zip(ids, dropped, strict=True):
            self._look_into(node_id, item)
        self._select(ids[-1])

    def _look_into(self, node_id: str, dropped: Dropped) -> None:
        if node_types()[dropped.type].place is NodePlace.INFERENCE:
            self.models.look(node_id, Path(str(dropped.value)))

    def _select(self, node_id: str) -> None:
        self._canvas.select([node_id])
        self._canvas.setFocus()

    def _port(self, address: str, side: str) -> Port | None:
        dot = self._dot(address, side)
        return dot.port if dot is not None else None

    def _dot(self, address: str, side: str) -> PortDot | None:
        node_id, _, name = address.partition(".")
        item = self._canvas.items_by_id.get(node_id)
        return item.dots.get((OUTPUT if side == OUTPUT else INPUT, name)) if item is not None else None


def _flood(files: int) -> Problem:
    hint = "Drop fewer at once, or the folder in which images lie."
    return Problem("too many files at once", found=f"{files:,}", allowed=f"at most {MOST_DROPPED}", hint=hint)
