"""The canvas: NodeGraphQt's viewer as a picture of a pipeline config, and the gestures that ask for changes.

Only the viewer and its items are used. NodeGraphQt's controller, with its own undo stack, sessions, clipboard
and scripted menus, is left out: the document is the only state, and every gesture is a signal to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QCursor,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
)
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsScene,
    QGraphicsSceneMouseEvent,
    QGraphicsView,
    QWidget,
)

from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes import node_types
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.ui import theme
from cluster4npu.ui.devices.badges import numbered
from cluster4npu.ui.editor.boxes import BoxLayer
from cluster4npu.ui.editor.dropping import NODE_MIME
from cluster4npu.ui.editor.far_layer import FarLayer
from cluster4npu.ui.editor.items import INPUT, OUTPUT, PortDot, Wire
from cluster4npu.ui.editor.minimap import Minimap
from cluster4npu.ui.editor.node_item import NodeItem, Signature
from cluster4npu.ui.editor.overlay import Hint, Notice
from cluster4npu.ui.editor.wiring import Wiring, edge_between
from cluster4npu.ui.text import tr

_EDGE_PART = 0.25  # of a node at each side: a wire behind that is only near
EMPTY_HINT = (
    "Press Tab or double-click to add a node, drop a video, a folder of images or a model here,\n"
    "press Ctrl+N for a template, or open the wizard."
)
_MOST_KEPT = 60  # pictures of nodes: what Qt has room for


class Canvas(Wiring):
    """Shows a config (`show_config`). Coordinates in signals are canvas pixels, as in the file."""

    nodes_moved = Signal(object)  # {id: (x, y)}
    boxes_moved = Signal(object, object)  # {id: (place, size)} of boxes, {id: (x, y)} of the nodes in them
    box_edit_wanted = Signal(str)  # id
    add_wanted = Signal(object)  # a node, to be searched for; QPoint in the viewport
    selection_changed = Signal(object)  # list of node ids
    menu_wanted = Signal(object)  # global QPoint
    insert_wanted = Signal(object)  # EdgeConfig of the wire that a node shall come into
    node_put_on_wire = Signal(
        str, object, object
    )  # a node without wires, (x, y), and the EdgeConfig under it

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Canvas"))
        self.setAccessibleDescription(
            tr("The nodes of the pipeline; Tab adds one, Ctrl and the arrows go from one to the next")
        )
        self.accept_connection_types: dict[str, object] = {}
        self.reject_connection_types: dict[str, object] = {}
        self.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.SmartViewportUpdate)
        # Long wires lie in every leaf of a search tree: with 2,000 of them each change costs milliseconds.
        self.scene().setItemIndexMethod(QGraphicsScene.ItemIndexMethod.NoIndex)
        self._config = PipelineConfig()
        self._shown: dict[str, NodeConfig] = {}
        self._edges: tuple[EdgeConfig, ...] | None = ()  # that are drawn; None: a gesture has touched them
        self._extent = QRectF()
        self._problems: dict[str, list[Problem]] = {}
        self._figures: dict[str, str] = {}
        self.fits_into: Callable[[str, EdgeConfig], bool] = lambda _type, _edge: False
        self._lit: Wire | None = None  # the wire that a node would come into if it were let go now
        self._advice = ("", "")  # a node, and what would help it
        self.far = FarLayer(self.items_by_id, self.wires)
        self.scene().addItem(self.far)
        self.boxes = BoxLayer(self.scene(), self.boxes_moved.emit, self.box_edit_wanted.emit)
        self.minimap = Minimap(self._spots, self.viewport())
        self.minimap.looked_at.connect(self.look_at)
        self.view_changed.connect(self._show_seen)
        self._hint = Hint(tr(EMPTY_HINT), self.viewport())
        self._notice = Notice(self.viewport())
        self.moved_nodes.connect(self._on_moved)
        self.connection_sliced.connect(self._on_sliced)
        self.scene().selectionChanged.connect(self._on_selection)
        theme.changes().changed.connect(self.restyle)
        self.restyle()

    # --- what is shown ---

    def show_config(self, config: PipelineConfig) -> None:
        """Bring the picture in line with this config; what has not changed is not touched."""
        self._config = config
        selected = self.selected_ids()
        self.scene().blockSignals(True)  # each item that goes would tell a new selection
        signatures = _signatures(config)
        dropped = [n for n, item in self.items_by_id.items() if item.signature != signatures.get(n)]
        for node_id in dropped:
            self._drop_node(node_id)
        self._show_nodes(config.nodes, signatures)
        self._number_devices()
        if config.edges != self._edges or dropped:
            self._show_wires(config.edges)
        self.boxes.show(config.boxes)
        self.scene().blockSignals(False)
        if self.selected_ids() != selected:
            self._on_selection()
        self._hint.setVisible(not config.nodes and not config.boxes)
        self._extent = self._whole()
        self.far.cover(self._extent)
        self.minimap.forget()
        self._show_seen()

    def _show_wires(self, edges: tuple[EdgeConfig, ...]) -> None:
        wanted = dict.fromkeys(edges)
        # Sets of a dict's keys take the hashes that it keeps; a record of pydantic computes its own anew each time.
        gone = set(self.wires).difference(wanted)
        if self._edges is None:
            gone.update(e for e, wire in self.wires.items() if wire.scene() is None)
        for edge in gone:
            self._drop_wire(edge)
        new = {id(edge) for edge in set(wanted).difference(self.wires)}
        for edge in wanted:
            if id(edge) in new:
                self._add_wire(edge)
        self._edges = edges

    def _show_nodes(self, nodes: Sequence[NodeConfig], signatures: Mapping[str, Signature]) -> None:
        """Add and change items; wires of nodes that have moved are led once, at the end."""
        moved: list[NodeItem] = []
        for entry in nodes:
            item = self.items_by_id.get(entry.id)
            if item is None:
                self._add_item(entry, signatures[entry.id])
            elif entry is not self._shown[entry.id] or item.place != entry.position:
                item.moves_in_batch = True
                moved.append(item)
                item.show_entry(entry)
            self._shown[entry.id] = entry
        led = {}
        for item in moved:
            item.moves_in_batch = False
            led.update({id(wire): wire for dot in item.dots.values() for wire in dot.connected_pipes})
        for wire in led.values():
            wire.follow()

    def _number_devices(self) -> None:
        """Number the devices as a run does, one stage after the other: so each has one colour everywhere."""
        for node, workers in numbered(self._config).items():
            self.items_by_id[node].first_device = min(workers.values(), default=0)

    def show_problems(self, problems: Iterable[Problem]) -> None:
        """Mark the nodes that have problems, and only those."""
        found: dict[str, list[Problem]] = {}
        for problem in problems:
            found.setdefault(problem.node, []).append(problem)
        self._problems = found
        for node_id, item in self.items_by_id.items():
            item.show_problems(found.get(node_id, []))
        self.far.forget()

    def show_figures(self, figures: Mapping[str, str]) -> None:
        """Show a measured figure on these nodes, and none on the others."""
        self._figures = dict(figures)
        for node_id, item in self.items_by_id.items():
            item.show_figure(self._figures.get(node_id, ""))

    def show_hint(self, node_id: str, text: str) -> None:
        """Put a lamp on this node, whose tool tip tells what would help it, and on no other; "": on none."""
        before, self._advice = self._advice[0], (node_id, text)
        for name in {before, node_id} & self.items_by_id.keys():
            self.items_by_id[name].show_hint(text if name == node_id else "")

    def keep_pictures(self, keep: bool) -> None:
        """Keep the picture of each node, as long as nodes are few: during a run it is what lies under moving things."""
        few = keep and len(self.items_by_id) <= _MOST_KEPT
        mode = QGraphicsItem.CacheMode.DeviceCoordinateCache if few else QGraphicsItem.CacheMode.NoCache
        for item in self.items_by_id.values():
            item.setCacheMode(mode)

    def tell(self, text: str, role: str = "fail") -> None:
        """Show a notice over the canvas that fades after some seconds; `role` is its colour's name."""
        self._notice.tell(text, role)

    def restyle(self) -> None:
        """Take over the colours of the theme."""
        self._LIVE_PIPE.color = theme.rgb(theme.colors().accent)
        self.far.forget()
        self.minimap.forget()
        for item in self.items_by_id.values():
            if item.cacheMode() != QGraphicsItem.CacheMode.NoCache:
                item.update()  # the picture that it keeps has the colours of before
        self.viewport().update()

    def _add_item(self, entry: NodeConfig, signature: Signature) -> None:
        item = NodeItem(entry, signature, painted=not self.far.on)
        self.items_by_id[entry.id] = item
        self.scene().addItem(item)
        item.show_problems(self._problems.get(entry.id, []))
        item.show_figure(self._figures.get(entry.id, ""))
        item.show_hint(self._advice[1] if entry.id == self._advice[0] else "")

    def _drop_node(self, node_id: str) -> None:
        del self._shown[node_id]
        item = self.items_by_id.pop(node_id)
        for dot in item.dots.values():
            for wire in list(dot.connected_pipes):
                self._drop_wire(wire.edge)
        self._node_positions.pop(item, None)
        if self._start_port is not None and self._start_port.node is item:
            self.end_live_connection()
        self.scene().removeItem(item)

    def _add_wire(self, edge: EdgeConfig) -> None:
        source, target = self.items_by_id.get(edge.source_node), self.items_by_id.get(edge.target_node)
        if source is None or target is None:
            return  # the file names a node that does not exist; the list of problems tells it
        start = source.dots[OUTPUT, edge.source_port]
        wire = Wire(edge, start.kind, painted=not self.far.on)
        self.scene().addItem(wire)
        end = target.dots[INPUT, edge.target_port]
        wire.set_connections(end, start)
        wire.follow()
        self.wires[edge] = wire
        for item in (source, target):
            item.update()

    def _drop_wire(self, edge: EdgeConfig) -> None:
        wire = self.wires.pop(edge)
        ends = (wire.input_port, wire.output_port)
        for dot in ends:
            if wire in dot.connected_pipes:
                dot.remove_pipe(wire)
            dot.node.update()
        if wire.scene() is not None:
            self.scene().removeItem(wire)

    # --- selection ---

    def selected_ids(self) -> list[str]:
        """Return the ids of the selected nodes, in the file's order."""
        return [n for n in self._shown if self.items_by_id[n].chosen]

    def selected_edges(self) -> list[EdgeConfig]:
        """Return the selected wires."""
        return [edge for edge, wire in self.wires.items() if wire.chosen]

    def select(self, ids: Iterable[str]) -> None:
        """Select exactly these nodes."""
        wanted = set(ids)
        self.scene().blockSignals(True)
        for wire in self.wires.values():
            if wire.chosen:
                wire.setSelected(False)
        for node_id, item in self.items_by_id.items():
            if item.chosen != (node_id in wanted):
                item.setSelected(node_id in wanted)
        self.boxes.select(())
        self.scene().blockSignals(False)
        self._on_selection()

    def fit(self, ids: Iterable[str] = ()) -> None:
        """Show these nodes whole (all when none is named), never larger than life."""
        rect = QRectF()
        for node_id in ids:
            rect = rect.united(self.items_by_id[node_id].sceneBoundingRect())
        rect = rect if not rect.isEmpty() else self._whole()
        if not rect.isEmpty():
            self.show_area(rect)

    def reveal(self, node_id: str) -> None:
        """Bring one node to the middle without changing the zoom, unless it is seen whole already."""
        place = self.items_by_id[node_id].sceneBoundingRect()
        if not self._scene_range.contains(place):
            self._look_at(place.center(), self.transform().m11())

    def node_at(self, place: QPointF) -> NodeItem | None:
        """Return the node at this place of the scene."""
        found = self.scene().items(place)
        return next((item for item in found if isinstance(item, NodeItem)), None)

    def wire_at(self, place: QPointF) -> EdgeConfig | None:
        """Return the wire at this place of the scene."""
        found = self.scene().items(place)
        return next((item.edge for item in found if isinstance(item, Wire)), None)

    def _whole(self) -> QRectF:
        """Return the area of all nodes and boxes."""
        area = QRectF()
        if self.items_by_id:
            lefts, tops, rights, bottoms = zip(*(i.corners for i in self.items_by_id.values()), strict=True)
            area.setCoords(min(lefts), min(tops), max(rights), max(bottoms))
        for box in self.boxes.areas():
            area = area.united(box)
        return area

    def _show_seen(self) -> None:
        self.far.look_from(self.transform().m11())
        self.minimap.show_seen(self._scene_range, self._extent)

    def _spots(self) -> list[tuple[float, float, float, float, str]]:
        return [(*i.place, *i.size, i.header_color) for i in self.items_by_id.values()]

    # --- gestures ---

    def sceneMouseMoveEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        super().sceneMouseMoveEvent(event)
        if self.LMB_state and self.far.on:
            self.far.forget()  # nodes may be on their way
        moved = self.scene().mouseGrabberItem()
        if self.LMB_state and isinstance(moved, NodeItem) and len(self.selected_ids()) == 1:
            self._light(moved.signature[0], self._wire_under(moved))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._light("", None)
        super().mouseReleaseEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        super().dragMoveEvent(event)
        if event.mimeData().hasFormat(NODE_MIME):
            key = event.mimeData().data(NODE_MIME).toStdString()
            self._light(key, self.wire_at(self.mapToScene(event.position().toPoint())))

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._light("", None)

    def dropEvent(self, event: QDropEvent) -> None:
        self._light("", None)
        super().dropEvent(event)

    def _light(self, type: str, edge: EdgeConfig | None) -> None:
        """Light up the wire that a node of this type would come into if it were let go."""
        wire = self.wires.get(edge) if edge is not None and self.fits_into(type, edge) else None
        if wire is not self._lit:
            if self._lit is not None and self._lit.scene() is not None:
                self._lit.reset()
            if wire is not None:
                wire.highlight()
            self._lit = wire

    def _wire_under(self, item: NodeItem) -> EdgeConfig | None:
        """Return the wire behind the middle of a node that has no wires and fits into it."""
        if any(dot.connected_pipes for dot in item.dots.values()):
            return None
        box = item.sceneBoundingRect()
        aside, above = box.width() * _EDGE_PART, box.height() * _EDGE_PART
        under = self.scene().items(box.adjusted(aside, above, -aside, -above))
        wires = (found.edge for found in under if isinstance(found, Wire))
        return next((edge for edge in wires if self.fits_into(item.signature[0], edge)), None)

    def show_again(self) -> None:
        self._edges = None
        self.show_config(self._config)

    def event(self, event: QEvent) -> bool:
        # Tab adds a node here; Shift+Tab still leaves the canvas.
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() == Qt.Key.Key_Tab
        ):
            self.add_wanted.emit(self.mapFromGlobal(QCursor.pos()))
            return True
        return bool(super().event(event))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        under = self.itemAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and under is None:
            self.add_wanted.emit(event.position().toPoint())
            return
        if event.button() == Qt.MouseButton.LeftButton and isinstance(under, Wire):
            self.insert_wanted.emit(under.edge)
            return
        super().mouseDoubleClickEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.cancel_wire() if self._start_port is not None else self.select(())
            return
        super().keyPressEvent(event)
        self._cursor_text.setVisible(False)  # NodeViewer's own help on modifier keys, drawn over the nodes

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.RMB_state = False
        item = self.itemAt(event.pos())
        node = (
            item if isinstance(item, NodeItem) else item.parentItem() if isinstance(item, PortDot) else None
        )
        if isinstance(node, NodeItem) and not node.isSelected():
            self.select([node.id])
        elif isinstance(item, Wire) and not item.isSelected():
            self.select(())
            item.setSelected(True)
        self.menu_wanted.emit(event.globalPos())
        event.accept()

    def _on_moved(self, moved: Mapping[NodeItem, Sequence[float]]) -> None:
        if len(moved) == 1:
            (item,) = moved
            edge = self._wire_under(item)
            if edge is not None:
                self.node_put_on_wire.emit(item.id, tuple(item.xy_pos), edge)
                return
        self.nodes_moved.emit({item.id: tuple(item.xy_pos) for item in moved})

    def _on_sliced(self, pairs: Sequence[Sequence[PortDot]]) -> None:
        self.wires_drawn.emit([edge_between(a, b) for a, b in pairs], [])

    def _on_selection(self) -> None:
        self.far.forget()
        self.selection_changed.emit(self.selected_ids())


def _signatures(config: PipelineConfig) -> dict[str, Signature]:
    """Return type and ports of each node: those of its type, and those that only a wire of the file names."""
    result = {entry.id: _own_signature(entry.type) for entry in config.nodes}
    for edge in config.edges:
        known = result.get(edge.source_node)
        if known is not None and edge.source_port not in known[2]:
            result[edge.source_node] = (known[0], known[1], (*known[2], edge.source_port))
        known = result.get(edge.target_node)
        if known is not None and edge.target_port not in known[1]:
            result[edge.target_node] = (known[0], (*known[1], edge.target_port), known[2])
    return result


@cache
def _own_signature(key: str) -> Signature:
    cls = node_types().get(key)
    if cls is None:
        return key, (), ()
    return key, tuple(p.name for p in cls.inputs), tuple(p.name for p in cls.outputs)
