"""Wires while they are drawn: what would come of letting go is said before the button is released."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGraphicsSceneMouseEvent, QWidget

from cluster4npu.core.pipeline.config import EdgeConfig
from cluster4npu.ui.editor.dropping import Dropping
from cluster4npu.ui.editor.items import INPUT, OUTPUT, PortDot, Wire
from cluster4npu.ui.editor.node_item import NodeItem
from cluster4npu.ui.editor.overlay import WireTip

_CLICK_PX = 4  # a press that moves less than this is a click
Judge = Callable[[EdgeConfig, tuple[EdgeConfig, ...]], str]


class Wiring(Dropping):
    """Draws wires by mouse. `judge(wire, removed)` says why a wire cannot be made, "" when it can."""

    wires_drawn = Signal(object, object)  # removed EdgeConfigs, added (source, target) pairs
    wire_refused = Signal(str)  # a gesture that can be no wire at all
    wire_dropped = Signal(str, str, object)  # NODE.PORT, its side, and where in the scene: nothing was there

    judge: Judge

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.items_by_id: dict[str, NodeItem] = {}
        self.wires: dict[EdgeConfig, Wire] = {}
        self.wire_tip = WireTip(self.viewport())
        self._over: PortDot | None = None
        self.judge = lambda _wire, _removed: ""

    @abstractmethod
    def show_again(self) -> None:
        """Draw the config anew after a gesture has changed items."""

    def start_live_connection(self, selected_port: PortDot) -> None:
        super().start_live_connection(selected_port)
        for item in self.items_by_id.values():
            for dot in item.dots.values():
                dot.fits = _may_meet(selected_port, dot)
            item.update()

    def end_live_connection(self) -> None:
        super().end_live_connection()
        self._over = None
        self.wire_tip.hide()
        for item in self.items_by_id.values():
            for dot in item.dots.values():
                dot.fits = True
            item.update()

    def sceneMouseMoveEvent(self, event: QGraphicsSceneMouseEvent) -> None:
        super().sceneMouseMoveEvent(event)
        start: PortDot | None = self._start_port
        if start is None or not self._LIVE_PIPE.isVisible():
            return
        found = self.scene().items(event.scenePos())
        over = next((item for item in found if isinstance(item, PortDot) and item is not start), None)
        if over is not self._over:
            self._over = over
            if over is None:
                self.wire_tip.hide()
            else:
                self.wire_tip.tell(self._verdict(start, over), self.mapFromScene(over.center))

    def apply_live_connection(self, event: QGraphicsSceneMouseEvent) -> None:
        """End the wire that is being drawn: tell what it means, and let the config say what is shown."""
        start: PortDot | None = self._start_port
        if not self._LIVE_PIPE.isVisible() or start is None:
            return
        found = self.scene().items(event.scenePos())
        end = next((item for item in found if isinstance(item, PortDot)), None)
        if end is start:
            return  # pressed and released on one port: the second click ends the wire
        cut = self._cut(start)
        detached = self._detached_port
        moved = (self._previous_pos - self._origin_pos).manhattanLength()
        self.cancel_wire()
        if end is None:
            self._end_in_the_empty(start, cut, moved > _CLICK_PX, event)
        elif not cut or end is not detached:
            if (reason := _same_side(start, end)) != "":
                self.wire_refused.emit(reason)
            else:
                edge = edge_between(start, end)
                self.wires_drawn.emit(cut, [(edge.source, edge.target)])
        self.show_again()

    def cancel_wire(self) -> None:
        """Give up the wire that is being drawn; a wire that was picked up comes back."""
        if self._start_port is not None:
            self._start_port.hovered = False
        self._detached_port = None
        self.end_live_connection()
        self.show_again()

    def _end_in_the_empty(
        self, start: PortDot, cut: list[EdgeConfig], moved: bool, event: QGraphicsSceneMouseEvent
    ) -> None:
        if cut and moved:
            self.wires_drawn.emit(cut, [])
        elif cut and cut[0] in self.wires:
            self.wires[cut[0]].setSelected(True)
        elif moved:
            self.wire_dropped.emit(start.address, start.port_type, event.scenePos())

    def _cut(self, start: PortDot) -> list[EdgeConfig]:
        """Return the wire that was picked up, if this is one."""
        detached: PortDot | None = None if self._LIVE_PIPE.shift_selected else self._detached_port
        return [edge_between(start, detached)] if detached is not None else []

    def _verdict(self, start: PortDot, end: PortDot) -> str:
        if start.port_type == end.port_type:
            return _same_side(start, end)
        return self.judge(edge_between(start, end), tuple(self._cut(start)))


def edge_between(one: PortDot, other: PortDot) -> EdgeConfig:
    """Return the wire between an output and an input, given in any order."""
    source, target = (one, other) if one.port_type == OUTPUT else (other, one)
    return EdgeConfig(source=source.address, target=target.address)


def _same_side(one: PortDot, other: PortDot) -> str:
    if one.port_type != other.port_type:
        return ""
    if other.port_type == OUTPUT:
        return f"A wire leads from an output to an input; {one.address} and {other.address} are both outputs."
    return f"A wire leads from an output to an input; {one.address} and {other.address} are both inputs."


def _may_meet(start: PortDot, other: PortDot) -> bool:
    """Tell whether a wire between the two could ever be right, by side and type alone."""
    if other is start:
        return True
    if start.port_type == other.port_type or start.port is None or other.port is None:
        return False
    source, target = (start.port, other.port) if other.port_type == INPUT else (other.port, start.port)
    return target.accepts(source) and start.node is not other.node
