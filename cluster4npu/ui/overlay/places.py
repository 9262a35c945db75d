"""Where figures stand over the canvas: words over nodes, devices under them, and rates where both leave room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF

from cluster4npu.core.pipeline.config import EdgeConfig
from cluster4npu.ui.dashboard.numbers import figure
from cluster4npu.ui.overlay.figures import Allocation, OverlayFigures
from cluster4npu.ui.overlay.marks import Badge, Frame, Mark, Rate, Words
from cluster4npu.ui.overlay.pills import GAP_PX, PILL_PX, forms, free_px, inside, lay_out
from cluster4npu.ui.text import tr

if TYPE_CHECKING:
    from cluster4npu.ui.editor.canvas import Canvas

_ALONG = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9)  # of a wire, where its rate may stand
_BESIDE_WIRE_PX = 15.0
_RATE_PAD_PX = 6.0
_OVER = 9.0  # of a node's edge on the canvas, where it has no words, a rate may cover
_CLEAR_PX = 4.0  # of a node: its frame when it is the bottleneck
_BADGE_ZOOM = 0.45  # below, the devices are dots without their names
_BADGE_SIDES_PX = 22.0  # dot and rim of a badge
_SPARE = 2  # letters of room that may stay empty


@dataclass(frozen=True, slots=True)
class _Room:
    """Where everything stands: each node's words (their form's number and place), rates, and badges with their names.

    A badge without a name is a dot.
    """

    words: Mapping[str, tuple[int, QRectF]]
    rates: Mapping[EdgeConfig, QRectF]
    badges: Mapping[str, Sequence[tuple[QRectF, str | None]]]


class Placing:
    """Lays figures out over a canvas. Where only digits change, what stands there keeps its place: that is quicker, and
    easier to read.
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._room = _Room({}, {}, {})
        self._shape: object = None  # of what the room was made for
        self._lengths: list[int] = []  # of its texts

    def marks(
        self, figures: OverlayFigures, places: Mapping[str, QRectF], view: QRectF, metrics: QFontMetricsF
    ) -> dict[object, Mark]:
        """Return everything that is drawn, by what it tells of; `places` are the nodes on the screen."""
        texts = {node: forms(figures.nodes[node], place.width()) for node, place in places.items()}
        rates = {edge: f"{figure(rate)}/s" for edge, rate in figures.wires.items()}
        nodes = {node: figures.nodes[node] for node in places}
        shape = (
            places,
            view,
            {node: len(told) for node, told in texts.items()},
            [*rates],
            [(node, device.device) for node, told in nodes.items() for device in told.devices],
            {node for node, told in nodes.items() if told.alarm},
        )
        lengths = [len(text) for told in texts.values() for text in told]
        lengths += [len(text) for text in rates.values()]
        lengths += [len(_share(device)) for told in nodes.values() for device in told.devices]
        if shape != self._shape or not _fit(lengths, self._lengths):
            self._shape, self._lengths = shape, lengths
            self._room = self._make_room(figures, places, texts, rates, view, metrics)
        room = self._room
        found: dict[object, Mark] = {}
        for node, place in places.items():
            if nodes[node].alarm:  # first: a rate beside the node is read over its frame
                found[node, "frame"] = Frame(place.adjusted(-3, -3, 3, 3))
        for edge, place in room.rates.items():
            found[edge] = Rate(place, rates[edge], self._canvas.wires[edge].kind)
        for node in places:
            told = nodes[node]
            if node in room.words:
                form, stands = room.words[node]
                found[node, "words"] = Words(stands, texts[node][form], bool(told.alarm), told.fill)
            for (badge, name), device in zip(room.badges.get(node, ()), told.devices, strict=False):
                text = "" if name is None else f"{name} {_share(device)}"
                found[node, device.number] = Badge(badge, text, device.number)
        return found

    def _make_room(
        self,
        figures: OverlayFigures,
        places: Mapping[str, QRectF],
        texts: Mapping[str, tuple[str, ...]],
        rates: Mapping[EdgeConfig, str],
        view: QRectF,
        metrics: QFontMetricsF,
    ) -> _Room:
        nodes = ((node, place, figures.nodes[node]) for node, place in places.items())
        pills = lay_out(nodes, view, metrics.horizontalAdvance)
        taken = [pill.place for pill in pills.values()]
        over = _OVER * self._canvas.transform().m11()
        taken += [place.adjusted(over, -_CLEAR_PX, -over, _CLEAR_PX) for place in places.values()]
        stand: dict[EdgeConfig, QRectF] = {}
        for edge, text in rates.items():
            if (at := self._place_of_rate(edge, text, view, taken, metrics)) is not None:
                stand[edge] = at
                taken.append(at)
        badges: dict[str, list[tuple[QRectF, str | None]]] = {}
        for node, place in places.items():
            if place.adjusted(-200, -60, 200, 200).intersects(view):
                others = [other for name, other in places.items() if name != node]
                badges[node] = self._badges(place, figures.nodes[node].devices, others, view, metrics)
        words = {node: (texts[node].index(pill.text), pill.place) for node, pill in pills.items()}
        return _Room(words, stand, badges)

    def _place_of_rate(
        self,
        edge: EdgeConfig,
        text: str,
        view: QRectF,
        taken: Sequence[QRectF],
        metrics: QFontMetricsF,
    ) -> QRectF | None:
        """Return where a wire's rate has room: on the wire, or over or under it, the best place first."""
        wire = self._canvas.wires.get(edge)
        if wire is None:
            return None
        screen, path = self._canvas.viewportTransform(), wire.path()
        points = [QPointF(screen.map(wire.mapToScene(path.pointAtPercent(along)))) for along in _ALONG]
        pill = QRectF(0, 0, metrics.horizontalAdvance(text) + _RATE_PAD_PX, PILL_PX - 4)
        for beside in (0.0, -_BESIDE_WIRE_PX, _BESIDE_WIRE_PX):
            for point in points:
                pill.moveCenter(point + QPointF(0.0, beside))
                if view.contains(pill) and not any(pill.intersects(other) for other in taken):
                    return pill
        return None

    def _badges(
        self,
        place: QRectF,
        devices: Sequence[Allocation],
        others: Sequence[QRectF],
        view: QRectF,
        metrics: QFontMetricsF,
    ) -> list[tuple[QRectF, str | None]]:
        """Return a node's devices under it: the place of each, and its name as far as there is room."""
        named = self._canvas.transform().m11() >= _BADGE_ZOOM
        x, y = place.left(), place.bottom() + GAP_PX
        found: list[tuple[QRectF, str | None]] = []
        for device in devices:
            share = _share(device)
            room = free_px(QRectF(x, y, place.width(), PILL_PX), others) - _BADGE_SIDES_PX
            room -= metrics.horizontalAdvance(share + " ")
            name = metrics.elidedText(device.device, Qt.TextElideMode.ElideMiddle, room) if named else None
            width = 14.0 + (metrics.horizontalAdvance(f"{name} {share}") + 8 if named else 0.0)
            badge = QRectF(x, y, width, PILL_PX - 2)
            badge.moveLeft(inside(badge, view).left())
            found.append((badge, name))
            if named:
                y += PILL_PX
            else:
                x += width + 2
        return found


def _fit(lengths: Sequence[int], room: Sequence[int]) -> bool:
    """Tell whether texts of these lengths fit into the room of others, and leave little of it empty."""
    return all(0 <= given - needed <= _SPARE for needed, given in zip(lengths, room, strict=True))


def _share(device: Allocation) -> str:
    """Return a device's share in words."""
    return f"{device.share:.0%}" + (" " + tr("SIMULATED") if device.simulated else "")
