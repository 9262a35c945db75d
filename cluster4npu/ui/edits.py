"""What an edit is: the undo command, and the pure functions that make one config from another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue, ValidationError
from PySide6.QtGui import QUndoCommand

from cluster4npu.core.errors import Problem, nearest
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import ui_hint
from cluster4npu.core.pipeline.bounds import FARTHEST, unwritable
from cluster4npu.core.pipeline.config import (
    BoxConfig,
    EdgeConfig,
    NodeConfig,
    PipelineConfig,
    validation_problems,
)
from cluster4npu.core.pipeline.graph import wire_problem
from cluster4npu.core.settings import BUNDLED_PREFIX, resolve_path
from cluster4npu.ui.text import told, tr

_MERGEABLE = 1
_NOT_MERGEABLE = -1
_PASTE_OFFSET = 40.0
_STEP_PX = 230.0  # from one node to the next: its width and a gap


class Replace(QUndoCommand):
    """Puts one whole config in place of another; both are immutable, so undo gives back the very same."""

    def __init__(
        self,
        show: Callable[[PipelineConfig], None],
        before: PipelineConfig,
        after: PipelineConfig,
        text: str,
        key: str = "",
    ) -> None:
        super().__init__(told(text) if " " in text else tr(text))
        self.show = show
        self.before = before
        self.after = after
        self.key = key

    def redo(self) -> None:
        self.show(self.after)

    def undo(self) -> None:
        self.show(self.before)

    def id(self) -> int:
        return _MERGEABLE if self.key else _NOT_MERGEABLE

    def mergeWith(self, other: QUndoCommand) -> bool:  # noqa: N802 (Qt's name)
        if not isinstance(other, Replace) or other.key != self.key:
            return False
        self.after = other.after
        self.setObsolete(self.before == self.after)
        return True


def free_id(wanted: str, taken: Collection[str]) -> str:
    """Return `wanted`, or with the first number that makes it unique: detections, detections2 ..."""
    return FreeIds(taken).take(wanted)


class FreeIds:
    """Gives out ids that are not `taken`. It knows how far each name is numbered, so that many are quick."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}  # by the name without its number

    def take(self, wanted: str) -> str:
        """Return `wanted`, or with the first number that makes it unique; it is taken from now on."""
        found = wanted
        if wanted in self._taken:
            stem = wanted.rstrip("0123456789")[:58]
            number = self._next.get(stem, 2)
            while (found := f"{stem}{number}") in self._taken:
                number += 1
            self._next[stem] = number + 1
        self._taken.add(found)
        return found


def checked_param(entry: NodeConfig, name: str, value: JsonValue) -> dict[str, JsonValue] | Problem:
    """Return the node's parameters with this one set, or what is wrong with the value.

    Other parameters of the node may be wrong already: they are neither judged nor changed.
    """
    types = node_types()
    if entry.type not in types:
        return Problem("unknown node type", entry.id, "type", entry.type, hint="Remove the node.")
    model = types[entry.type].Params
    if name not in model.model_fields:
        names = model.model_fields
        return Problem("unknown field", entry.id, name, "", ", ".join(names), nearest(name, names))
    if wrong := next(unwritable({name: value}), None):
        return replace(wrong, node=entry.id)
    others = {k: v for k, v in entry.params.items() if k != name}
    try:
        value = model.model_validate({**others, name: value}).model_dump(mode="json")[name]
    except ValidationError as error:
        for problem in validation_problems(error, {}, node=entry.id):
            if problem.field.split(".")[0] in ("", name):
                return problem
    field = model.model_fields[name]
    if not field.is_required() and value == _as_json(field.get_default(call_default_factory=True)):
        return others
    # The place in the file stays the same, so that a value typed and taken back leaves the same text.
    if name in entry.params:
        return {k: value if k == name else v for k, v in entry.params.items()}
    return {**others, name: value}


def spliced(config: PipelineConfig, node_id: str, edge: EdgeConfig) -> PipelineConfig | Problem:
    """Return the pipeline with a node of it put into a wire, by the first ports that fit; what does not fit is told.

    Nodes behind the wire make room where the node would cover its neighbours.
    """
    cls = node_types().get(config.node(node_id).type)
    cut = config.replace(edges=tuple(e for e in config.edges if e != edge))
    problem: Problem | None = None
    for into in cls.inputs if cls else ():
        first = EdgeConfig(source=edge.source, target=f"{node_id}.{into.name}")
        if (wrong := wire_problem(cut, first)) is not None:
            problem = problem or wrong
            continue
        half = cut.replace(edges=(*cut.edges, first))
        for out in cls.outputs if cls else ():
            second = EdgeConfig(source=f"{node_id}.{out.name}", target=edge.target)
            if (wrong := wire_problem(half, second)) is None:
                return _with_room(half.replace(edges=(*half.edges, second)), node_id, edge)
            problem = problem or wrong
    hint = "Choose one with an input and an output of the wire's kind."
    return problem or Problem("this node cannot stand in a wire", node=node_id, hint=hint)


def _with_room(config: PipelineConfig, node_id: str, edge: EdgeConfig) -> PipelineConfig:
    """Return the pipeline with the node between the ends of this wire, which are moved apart if they are too close."""
    node = config.node(node_id)
    left, right = config.node(edge.source_node).position[0], config.node(edge.target_node).position[0]
    if right <= left or right - left >= 2 * _STEP_PX:
        return config
    further = 2 * _STEP_PX - (right - left)

    def placed(entry: NodeConfig) -> NodeConfig:
        x, y = entry.position
        if entry.id == node_id:
            place = (left + _STEP_PX, node.position[1])
        elif x >= right:
            place = (min(x + further, FARTHEST), y)
        else:
            return entry
        return NodeConfig(**{**dict(entry), "position": place})

    return config.replace(nodes=tuple(placed(entry) for entry in config.nodes))


def moved_to(config: PipelineConfig, folder: Path | None) -> PipelineConfig:
    """Return the pipeline as it must be written to have the same meaning in another folder (None: anywhere).

    Relative paths of files that exist become absolute; all others are left as they are.
    """
    if config.base == folder and folder is not None:
        return config
    nodes = []
    for entry in config.nodes:
        cls = node_types().get(entry.type)
        params = dict(entry.params)
        for name, value in entry.params.items():
            field = cls.Params.model_fields.get(name) if cls else None
            if field is None or ui_hint(field, "widget") not in ("file", "folder"):
                continue
            if isinstance(value, str) and value and not value.startswith(BUNDLED_PREFIX):
                real = resolve_path(value, config.base)
                if real.exists() and not Path(value).is_absolute():
                    params[name] = str(real)
        nodes.append(entry if params == entry.params else entry.model_copy(update={"params": params}))
    return config.replace(nodes=tuple(nodes), base=folder)


def paste_into(config: PipelineConfig, pasted: PipelineConfig) -> tuple[PipelineConfig, list[str]]:
    """Return `config` with the pasted nodes and wires added under ids of their own, and those ids."""
    free = FreeIds(n.id for n in config.nodes)
    ids: dict[str, str] = {}
    nodes = []
    for entry in pasted.nodes:
        ids[entry.id] = free.take(entry.id)
        x, y = entry.position
        place = (min(x + _PASTE_OFFSET, FARTHEST), min(y + _PASTE_OFFSET, FARTHEST))
        nodes.append(NodeConfig(**{**dict(entry), "id": ids[entry.id], "position": place}))
    edges = tuple(
        EdgeConfig(
            source=f"{ids[e.source_node]}.{e.source_port}", target=f"{ids[e.target_node]}.{e.target_port}"
        )
        for e in pasted.edges
        if e.source_node in ids and e.target_node in ids
    )
    boxes = list(config.boxes)
    free_boxes = FreeIds(b.id for b in boxes)
    for box in pasted.boxes:
        box_id = free_boxes.take(box.id)
        x, y = box.position
        place = (min(x + _PASTE_OFFSET, FARTHEST), min(y + _PASTE_OFFSET, FARTHEST))
        boxes.append(BoxConfig(**{**dict(box), "id": box_id, "position": place}))
    merged = config.replace(nodes=(*config.nodes, *nodes), edges=(*config.edges, *edges), boxes=tuple(boxes))
    return merged, list(ids.values())


def _as_json(value: object) -> JsonValue:
    """Return a default as the file would hold it."""
    if isinstance(value, tuple):
        return [_as_json(item) for item in value]
    return value  # type: ignore[return-value]
