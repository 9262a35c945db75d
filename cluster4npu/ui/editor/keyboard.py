"""The canvas without a mouse: to the next node in a direction, and wires chosen from a list."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, QPoint, Signal

from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes import node_types
from cluster4npu.core.pipeline.config import EdgeConfig, PipelineConfig
from cluster4npu.core.pipeline.graph import wire_problem
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.canvas import Canvas
from cluster4npu.ui.search_popup import Entry, SearchPopup
from cluster4npu.ui.text import told_problem

Pair = tuple[float, float]
_MAKE, _REMOVE = "Enter makes the wire.", "Enter removes the wire."
_INSERT = "Enter chooses the wire that the node comes into."
_ASIDE = 2.0  # a step aside counts as two steps ahead


class Keyboard(QObject):
    """Moves the selection and makes wires by keys; `refused` carries why something cannot be done."""

    refused = Signal(str)
    insert_wanted = Signal(object)  # EdgeConfig of the wire that a node shall come into

    def __init__(self, document: Document, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._document, self._canvas = document, canvas
        self.wires = SearchPopup("Type a node or port", (420, 300), canvas)
        self._what = _MAKE
        self.wires.chosen.connect(self._wire)

    def go(self, dx: int, dy: int) -> None:
        """Select the nearest node in this direction; the first one when none is selected."""
        selected = self._canvas.selected_ids()
        items = self._canvas.items_by_id
        if not items:
            return
        centers = {n: (i.place[0] + i.size[0] / 2, i.place[1] + i.size[1] / 2) for n, i in items.items()}
        target = nearest(centers, selected[-1], dx, dy) if selected else next(iter(items))
        if target:
            self._canvas.select([target])
            self._canvas.reveal(target)

    def connect_selected(self) -> None:
        """Offer every wire that the selected node can still get."""
        if node := self._one():
            wires = possible_wires(self._document.config, node)
            self._open(wires, _MAKE, f"No free port fits those of {node}.")

    def disconnect_selected(self) -> None:
        """Offer the wires of the selected node for removal."""
        if node := self._one():
            edges = self._document.config.edges
            wires = [e for e in edges if node in (e.source_node, e.target_node)]
            self._open(wires, _REMOVE, f"{node} has no wires.")

    def insert_at_selected(self) -> None:
        """Offer the selected wire, or those of the selected node, for a node to come into."""
        chosen = self._canvas.selected_edges()
        if len(chosen) == 1:
            self.insert_wanted.emit(chosen[0])
        elif node := self._one():
            wires = [e for e in self._document.config.edges if node in (e.source_node, e.target_node)]
            self._open(wires, _INSERT, f"{node} has no wires.")

    def _open(self, wires: list[EdgeConfig], what: str, nothing: str) -> None:
        if not wires:
            self.refused.emit(nothing)
            return
        self._what = what
        entries = [Entry(f"{e.source} → {e.target}", f"{e.source} {e.target}") for e in wires]
        view = self._canvas.viewport()
        middle = view.mapToGlobal(view.rect().center()) - QPoint(self.wires.width() // 2, 100)
        self.wires.open_at(middle, entries, what)

    def _wire(self, value: str) -> None:
        source, _, target = value.partition(" ")
        problem: Problem | None = None
        if self._what == _INSERT:
            self.insert_wanted.emit(EdgeConfig(source=source, target=target))
        elif self._what == _REMOVE:
            self._document.disconnect_edge(EdgeConfig(source=source, target=target))
        else:
            problem = self._document.connect_ports(source, target)
        if problem is not None:
            self.refused.emit(told_problem(problem))

    def _one(self) -> str:
        selected = self._canvas.selected_ids()
        if len(selected) != 1:
            self.refused.emit("Select one node first: Ctrl and an arrow key goes from node to node.")
            return ""
        return selected[0]


def nearest(centers: Mapping[str, Pair], start: str, dx: int, dy: int) -> str:
    """Return the node nearest to `start` in the direction (dx, dy); "" when none lies there."""
    x, y = centers[start]
    best, least = "", float("inf")
    for node, (other_x, other_y) in centers.items():
        ahead = (other_x - x) * dx + (other_y - y) * dy
        aside = abs((other_x - x) * dy) + abs((other_y - y) * dx)
        if node != start and ahead > 0 and ahead + _ASIDE * aside < least:
            best, least = node, ahead + _ASIDE * aside
    return best


def possible_wires(config: PipelineConfig, node_id: str) -> list[EdgeConfig]:
    """Return every wire from or to this node that would be accepted, out of it first."""
    types = node_types()
    own = types.get(config.node(node_id).type)
    taken = {e.target for e in config.edges}
    wires: list[EdgeConfig] = []
    for other in config.nodes:
        cls = types.get(other.type)
        if own is None or cls is None or other.id == node_id:
            continue
        for giver, given, taker, takes in (
            (node_id, own.outputs, other.id, cls.inputs),
            (other.id, cls.outputs, node_id, own.inputs),
        ):
            wires += [
                EdgeConfig(source=f"{giver}.{out.name}", target=f"{taker}.{into.name}")
                for out in given
                for into in takes
                if into.accepts(out) and f"{taker}.{into.name}" not in taken
            ]
    wires.sort(key=lambda e: e.source_node != node_id)
    return [wire for wire in wires if wire_problem(config, wire) is None]
