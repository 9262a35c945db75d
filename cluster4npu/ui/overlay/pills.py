"""Where the words over the nodes stand: inside the view, clear of each other, shorter where room is short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF

from cluster4npu.ui.dashboard.numbers import figure
from cluster4npu.ui.overlay.figures import NodeFigures
from cluster4npu.ui.text import tr

PILL_PX, GAP_PX = 20.0, 4.0
TELL_PX = 64.0  # a node narrower than this on the screen has room for a number only
_SIDE_PX = 7.0  # room at the left and the right of the words
_APART_PX = 2.0
_WIDEST_PX = 100_000.0  # where nothing stands in the way


@dataclass(frozen=True, slots=True)
class Pill:
    """The words of one node and their place on the screen."""

    text: str
    place: QRectF


@dataclass
class _Rows:
    """Places that are taken, by their height on the screen, so that each is compared with its neighbours only."""

    taken: dict[int, dict[str, QRectF]] = field(default_factory=dict)

    def is_free(self, place: QRectF, node: str = "") -> bool:
        """Tell whether no place but the node's own comes near this one."""
        near = place.adjusted(-_APART_PX, -_APART_PX, _APART_PX, _APART_PX)
        row = _row(place)
        around = (item for r in (row - 1, row, row + 1) for item in self.taken.get(r, {}).items())
        return all(name == node or not near.intersects(other) for name, other in around)

    def take(self, node: str, place: QRectF) -> None:
        self.taken.setdefault(_row(place), {})[node] = place


def words(figures: NodeFigures) -> str:
    """Return a node's figures in words: what is wrong, time a frame, rate, and how full its queue is.

    Beside a word of alarm the queue stands only as the bar, so that the words keep clear of the next node's.
    """
    parts = [tr(figures.alarm)] if figures.alarm else []
    parts += [f"{figure(figures.ms)} ms"] if figures.ms is not None else []
    parts += [f"{figure(figures.fps)} FPS"] if figures.fps is not None else []
    parts += (
        [tr("queue {0}").format(f"{figures.fill:.0%}")]
        if figures.fill is not None and not figures.alarm
        else []
    )
    return " · ".join(parts)


def short_words(figures: NodeFigures) -> str:
    """Return the most important of a node's figures, for a node that is small on the screen."""
    return tr(figures.alarm) if figures.alarm else (figure(figures.fps) if figures.fps is not None else "")


def forms(figures: NodeFigures, width_px: float) -> tuple[str, ...]:
    """Return the words for a node of this width on the screen, from the longest to the shortest form."""
    if width_px < TELL_PX:
        return tuple(filter(None, (short_words(figures),)))
    parts = words(figures).split(" · ")
    shorter = [" · ".join(parts[:count]) for count in range(len(parts), 1, -1)]
    rate = "" if figures.alarm or figures.fps is None else f"{figure(figures.fps)} FPS"
    return tuple(dict.fromkeys(filter(None, (*shorter, rate, short_words(figures) or parts[0]))))


def lay_out(
    nodes: Iterable[tuple[str, QRectF, NodeFigures]], view: QRectF, width_of: Callable[[str], float]
) -> dict[str, Pill]:
    """Return a pill for each node in view that has something to tell, by its id.

    `nodes` are ids with their places on the screen. Nobody is left without words for the sake of another's long
    ones: all begin with their shortest form, then grow, nodes with an alarm first, as far as there is room.
    """
    told = [
        (node, place, texts)
        for node, place, figures in sorted(nodes, key=lambda entry: not entry[2].alarm)
        if place.intersects(view) and (texts := forms(figures, place.width()))
    ]
    rows, pills = _Rows(), dict[str, Pill]()
    for shortest in (True, False):
        for node, place, texts in told:
            if shortest or node in pills:
                choice = texts[-1:] if shortest else texts[:-1]
                _grow(rows, pills, node, _places(place, choice, view, width_of))
    return pills


def _grow(rows: _Rows, pills: dict[str, Pill], node: str, choice: Sequence[Pill]) -> None:
    """Give the node the first of these pills that is free."""
    found = next((pill for pill in choice if rows.is_free(pill.place, node)), None)
    if found is not None:
        pills[node] = found
        rows.take(node, found.place)


def _places(over: QRectF, texts: Sequence[str], view: QRectF, width_of: Callable[[str], float]) -> list[Pill]:
    return [Pill(text, inside(_above(over, width_of(text)), view)) for text in texts]


def _above(over: QRectF, text_px: float) -> QRectF:
    pill = QRectF(0, 0, text_px + 2 * _SIDE_PX, PILL_PX)
    pill.moveCenter(QPointF(over.center().x(), over.top() - PILL_PX / 2 - GAP_PX))
    return pill


def free_px(badge: QRectF, others: Iterable[QRectF]) -> float:
    """Return how wide a badge can become to the right before it meets another node."""
    beside = (other for other in others if other.top() < badge.bottom() and other.bottom() > badge.top())
    left = min((other.left() for other in beside if other.left() > badge.left()), default=_WIDEST_PX)
    return left - badge.left() - GAP_PX


def inside(pill: QRectF, view: QRectF) -> QRectF:
    """Return the pill moved into the view; where it is wider, its beginning is seen."""
    moved = QRectF(pill)
    moved.moveRight(min(pill.right(), view.right() - _APART_PX))
    moved.moveLeft(max(moved.left(), view.left() + _APART_PX))
    moved.moveBottom(min(moved.bottom(), view.bottom() - _APART_PX))
    moved.moveTop(max(moved.top(), view.top() + _APART_PX))
    return moved


def _row(place: QRectF) -> int:
    return int(place.top() // PILL_PX)
