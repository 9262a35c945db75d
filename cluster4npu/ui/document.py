"""The open pipeline: an immutable config, its file, and the undo stack through which it changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue, ValidationError
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoStack

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.files import digest_of
from cluster4npu.core.nodes import node_type
from cluster4npu.core.pipeline.bounds import FARTHEST, SIDES, too_many
from cluster4npu.core.pipeline.config import (
    BoxConfig,
    EdgeConfig,
    NodeConfig,
    PipelineConfig,
    Targets,
    validation_problems,
)
from cluster4npu.core.pipeline.graph import find_problems, wire_problem
from cluster4npu.ui.dialogs.background import Background
from cluster4npu.ui.edits import FreeIds, Replace, checked_param, free_id, moved_to, paste_into, spliced

Position = tuple[float, float]
_CHECK_AFTER_MS = 100
_PASTED_BYTES = 4 * 1024 * 1024
_PASTED_MOST = 1_000  # nodes at once: more would hold the window up for longer than a moment
_CHECK_HERE = 64  # nodes; more are checked on a thread


class Document(QObject):
    """One open pipeline. Every change is one undo command that holds the config before and after it.

    Methods that a wrong value can reach return the `Problem` and leave the document as it is (None: done).
    """

    config_changed = Signal()
    path_changed = Signal()
    problems_changed = Signal(object)  # list[Problem]

    def __init__(self, config: PipelineConfig | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._config = config or PipelineConfig()
        self._path: Path | None = None
        self._on_disk = ""
        self._problems: list[Problem] = []
        self.undo_stack = QUndoStack(self)
        self._check_timer = QTimer(self, singleShot=True, interval=_CHECK_AFTER_MS)
        self._check_timer.timeout.connect(self._check_soon)
        self._checking: Background | None = None
        self._check_timer.start()

    @property
    def config(self) -> PipelineConfig:
        return self._config

    @property
    def path(self) -> Path | None:
        return self._path

    @property
    def problems(self) -> list[Problem]:
        """Return what the last check found; a change is checked about 100 ms later."""
        return self._problems

    @property
    def on_disk(self) -> str:
        """Return the digest of the file as it was last read or written here; "" where that is not known."""
        return self._on_disk

    def is_changed_outside(self) -> bool:
        """Tell whether another program has changed the file since it was read or written here."""
        now = digest_of(self._path) if self._path is not None and self._on_disk else ""
        return bool(now) and now != self._on_disk

    def is_modified(self) -> bool:
        return not self.undo_stack.isClean()

    def new(self, config: PipelineConfig | None = None, *, modified: bool = False) -> None:
        """Start on another pipeline that has no file yet; `modified`: it would be lost if it got none."""
        self._start_with(config or PipelineConfig(), None)
        if modified:
            self.undo_stack.resetClean()

    def restore(self, config: PipelineConfig, path: Path | None, on_disk: str = "") -> None:
        """Start on edits that were never saved; `path` is the file to which they belong, if any.

        `on_disk` is what the file held when they were made.
        """
        self._start_with(config, path, on_disk)
        self.undo_stack.resetClean()

    def open(self, path: str | Path) -> None:
        """Open a file; raises InputError, and then the open pipeline stays as it is."""
        place = resolved(path)
        on_disk = digest_of(place)
        self._start_with(PipelineConfig.open(place), place, on_disk)

    def save(self, path: str | Path | None = None) -> None:
        """Write the file (`path`, or where it came from); raises InputError, and then it stays modified."""
        target = resolved(path) if path is not None else self._path
        if target is None:
            raise ValueError("a pipeline without a file needs a path")
        config = moved_to(self._config, target.parent)
        config.save(target)
        self._on_disk = digest_of(target)
        moved, self._path = target != self._path, target
        if config.text() != self._config.text():
            self.apply(config, "Keep paths valid in the new folder")
        if config != self._config:
            self._show(config)  # the same text, but its relative paths now belong to another folder
        self.undo_stack.setClean()
        if moved:
            self.path_changed.emit()

    def add_node(self, type: str, position: Position, params: Mapping[str, JsonValue] | None = None) -> str:
        """Add a node and return its id; raises KeyError for an unknown type."""
        return self.add_nodes([(type, position, params or {})])[0]

    def add_nodes(self, wanted: Sequence[tuple[str, Position, Mapping[str, JsonValue]]]) -> list[str]:
        """Add nodes (type, position, parameters) in one step; return their ids. Raises KeyError for an unknown type."""
        ids = FreeIds(n.id for n in self._config.nodes)
        nodes = [
            NodeConfig(id=ids.take(type), type=type, params=dict(params), position=_tidy(position))
            for type, position, params in wanted
        ]
        what = node_type(nodes[0].type).title if len(nodes) == 1 else f"{len(nodes)} nodes"
        self.apply(self._config.replace(nodes=(*self._config.nodes, *nodes)), f"Add {what}")
        return [node.id for node in nodes]

    def add_wired_node(self, type: str, position: Position, port: str, *, outgoing: bool) -> str | Problem:
        """Add a node and the wire from (`outgoing`) or to this NODE.PORT in one step; return the new id.

        The wire leads to the first port that fits; it must not be taken. Raises KeyError for an unknown type.
        """
        cls = node_type(type)
        node_id = free_id(type, {n.id for n in self._config.nodes})
        config = self._config.with_node(NodeConfig(id=node_id, type=type, position=_tidy(position)))
        problem: Problem | None = None
        for own in cls.inputs if outgoing else cls.outputs:
            ends = (port, f"{node_id}.{own.name}") if outgoing else (f"{node_id}.{own.name}", port)
            edge = EdgeConfig(source=ends[0], target=ends[1])
            problem = wire_problem(config, edge)
            if problem is None:
                self.apply(config.replace(edges=(*config.edges, edge)), f"Add {cls.title}")
                return node_id
        return problem or Problem("no port of this node fits", node=node_id, found=port)

    def insert_node(self, type: str, position: Position, edge: EdgeConfig) -> str | Problem:
        """Add a node in the middle of a wire, in one step; return the new id. Raises KeyError for an unknown type."""
        node_id = free_id(type, {n.id for n in self._config.nodes})
        node = NodeConfig(id=node_id, type=type, position=_tidy(position))
        found = spliced(self._config.with_node(node), node_id, edge)
        if isinstance(found, Problem):
            return found
        self.apply(found, f"Insert {node_type(type).title}")
        return node_id

    def move_into(self, node: str, position: Position, edge: EdgeConfig) -> Problem | None:
        """Put a node that is there already into a wire, and to this place, in one step."""
        moved = NodeConfig(**{**dict(self._config.node(node)), "position": _tidy(position)})
        found = spliced(self._config.with_node(moved), node, edge)
        if isinstance(found, Problem):
            return found
        self.apply(found, "Insert node")
        return None

    def remove_nodes(
        self, ids: Iterable[str], edges: Iterable[EdgeConfig] = (), boxes: Iterable[str] = ()
    ) -> None:
        """Remove nodes with their wires, and these wires and boxes besides."""
        gone, cut = set(ids), set(edges)
        nodes = tuple(n for n in self._config.nodes if n.id not in gone)
        kept = tuple(
            e
            for e in self._config.edges
            if e not in cut and e.source_node not in gone and e.target_node not in gone
        )
        count = len(self._config.nodes) - len(nodes)
        unboxed = set(boxes)
        left = tuple(b for b in self._config.boxes if b.id not in unboxed)
        other = "Remove comment" if unboxed else "Disconnect"
        text = f"Remove {count} nodes" if count > 1 else "Remove node" if count else other
        self.apply(self._config.replace(nodes=nodes, edges=kept, boxes=left), text)

    def bypass(self, ids: Iterable[str]) -> bool:
        """Leave these nodes out of runs, or take them in again when all of them are out; tell which."""
        wanted = set(ids)
        on = not all(n.bypassed for n in self._config.nodes if n.id in wanted)
        nodes = tuple(
            n.model_copy(update={"bypassed": on}) if n.id in wanted else n for n in self._config.nodes
        )
        what = f"{len(wanted)} nodes" if len(wanted) > 1 else "node"
        self.apply(self._config.replace(nodes=nodes), f"Bypass {what}" if on else f"Use {what} again")
        return on

    def add_box(self, text: str, position: Position, size: Position) -> str:
        """Add a comment behind the nodes and return its id; sizes below the least are made larger."""
        box_id = free_id("box", {b.id for b in self._config.boxes})
        size = (max(size[0], 120.0), max(size[1], 60.0))
        box = BoxConfig(id=box_id, text=text, position=_tidy(position), size=_tidy_size(size))
        self.apply(self._config.replace(boxes=(*self._config.boxes, box)), "Add comment")
        return box_id

    def write_box(self, box_id: str, text: str) -> Problem | None:
        """Set the text of a comment; its first line is the title."""
        try:
            boxes = tuple(
                BoxConfig(**{**dict(b), "text": text}) if b.id == box_id else b for b in self._config.boxes
            )
        except ValidationError as error:
            return validation_problems(error, {})[0]
        self.apply(self._config.replace(boxes=boxes), "Change comment")
        return None

    def connect_ports(self, source: str, target: str) -> Problem | None:
        """Add the wire from one NODE.PORT to another."""
        return self.rewire((), ((source, target),))

    def disconnect_edge(self, edge: EdgeConfig) -> None:
        """Remove one wire."""
        self.rewire((edge,), ())

    def rewire(self, remove: Sequence[EdgeConfig], add: Sequence[tuple[str, str]]) -> Problem | None:
        """Remove and add wires in one step; with a problem in any of them nothing is changed."""
        cut = set(remove)
        config = self._config.replace(edges=tuple(e for e in self._config.edges if e not in cut))
        for source, target in add:
            try:
                edge = EdgeConfig(source=source, target=target)
            except ValidationError as error:
                return validation_problems(error, {})[0]
            problem = wire_problem(config, edge)
            if problem is not None:
                return problem
            if edge not in config.edges:
                config = config.replace(edges=(*config.edges, edge))
        self.apply(config, "Connect" if add else "Disconnect")
        return None

    def set_param(self, node: str, name: str, value: JsonValue) -> Problem | None:
        """Set one parameter (its default removes it from the file); raises KeyError for an unknown node."""
        entry = self._config.node(node)
        params = checked_param(entry, name, value)
        if isinstance(params, Problem):
            return params
        changed = entry.model_copy(update={"params": params})
        self.apply(self._config.with_node(changed), f"Change {node}.{name}", key=f"param {node}.{name}")
        return None

    def move_nodes(
        self,
        positions: Mapping[str, Position],
        text: str = "",
        boxes: Mapping[str, tuple[Position, Position]] | None = None,
    ) -> None:
        """Place nodes (canvas pixels) and boxes (place and size); the same ones again are one step of undo."""
        nodes = tuple(
            NodeConfig(**{**dict(n), "position": _tidy(positions[n.id])}) if n.id in positions else n
            for n in self._config.nodes
        )
        boxes = boxes or {}
        kept = tuple(
            BoxConfig(id=b.id, text=b.text, position=_tidy(boxes[b.id][0]), size=_tidy_size(boxes[b.id][1]))
            if b.id in boxes
            else b
            for b in self._config.boxes
        )
        moved = "Move comment" if boxes else "Move node" if len(positions) == 1 else ""
        text = text or moved or f"Move {len(positions)} nodes"
        config = self._config.replace(nodes=nodes, boxes=kept)
        self.apply(config, text, key=f"{text} {sorted(positions)} {sorted(boxes)}")

    def rename(self, node: str, title: str) -> Problem | None:
        """Set the title that the canvas shows; empty: the type's own."""
        entry = self._config.node(node)
        try:
            changed = NodeConfig(**{**dict(entry), "title": title})
        except ValidationError as error:
            return validation_problems(error, {}, node=node)[0]
        self.apply(self._config.with_node(changed), f"Rename {node}", key=f"title {node}")
        return None

    def describe(self, **fields: str | float | None) -> Problem | None:
        """Set a field of the pipeline, or `fps` or `latency_p95_ms` (the two targets; None: no target)."""
        config = self._config
        try:
            about = {k: v for k, v in fields.items() if k in PipelineConfig.model_fields}
            wanted = {k: v for k, v in fields.items() if k not in about}
            targets = Targets.model_validate({**dict(config.targets), **wanted})
            config = config.replace(**about, targets=targets)
        except ValidationError as error:
            return validation_problems(error, {})[0]
        names = " and ".join(fields)
        self.apply(config, f"Change the pipeline's {names}", key=f"about {names}")
        return None

    def copied(self, ids: Iterable[str], boxes: Iterable[str] = ()) -> str:
        """Return these nodes, the wires between them, and these boxes as text for the clipboard."""
        wanted, boxed = set(ids), set(boxes)
        nodes = tuple(n for n in self._config.nodes if n.id in wanted)
        edges = tuple(e for e in self._config.edges if e.source_node in wanted and e.target_node in wanted)
        kept = tuple(b for b in self._config.boxes if b.id in boxed)
        part = PipelineConfig(nodes=nodes, edges=edges, boxes=kept, base=self._config.base)
        return moved_to(part, None).text()

    def paste(self, text: str) -> list[str]:
        """Add the nodes that `copied` wrote, return their new ids; raises InputError for other text, and too much."""
        require_pastable(len(text))
        pasted = PipelineConfig.parse(text, origin="the clipboard")
        if len(pasted.nodes) > _PASTED_MOST:
            found, allowed = f"{len(pasted.nodes):,} nodes", f"at most {_PASTED_MOST:,}"
            raise InputError(
                Problem("too much at once", found=found, allowed=allowed, hint="Copy less at once.")
            )
        config, ids = paste_into(self._config, pasted)
        counts = {"nodes": len(config.nodes), "edges": len(config.edges), "boxes": len(config.boxes)}
        if problems := too_many(counts):
            raise InputError(*problems)
        self.apply(config, f"Paste {len(ids)} nodes" if len(ids) != 1 else "Paste node")
        return ids

    def apply(self, config: PipelineConfig, text: str, key: str = "") -> None:
        """Replace the whole pipeline as one step; consecutive steps with the same `key` become one."""
        if config != self._config:
            self.undo_stack.push(Replace(self._show, self._config, config, text, key))

    def check(self) -> list[Problem]:
        """Check the pipeline now and return what is wrong with it."""
        self._check_timer.stop()
        self._take(find_problems(self._config))
        return self._problems

    def _check_soon(self) -> None:
        """Check a large pipeline on a thread, so that the window does not wait for it."""
        if len(self._config.nodes) <= _CHECK_HERE:
            self.check()
        elif self._checking is not None:
            self._check_timer.start()
        else:
            config = self._config
            self._checking = Background(lambda _report: find_problems(config), "check-pipeline")
            self._checking.succeeded.connect(lambda found: self._checked(config, found))
            self._checking.failed.connect(self._check_failed)
            self._checking.start()

    def _checked(self, config: PipelineConfig, found: object) -> None:
        self._checking = None
        if _meaning(config) == _meaning(self._config):
            self._take(found)  # type: ignore[arg-type]
        else:
            self._check_timer.start()

    def _check_failed(self, error: Exception) -> None:
        self._checking = None
        raise error

    def _take(self, found: list[Problem]) -> None:
        self._problems = found
        self.problems_changed.emit(found)

    def _show(self, config: PipelineConfig) -> None:
        if self._path is not None and config.base != self._path.parent:
            # A step of undo from before the file had this place: its relative paths belong to the file now.
            config = config.model_copy(update={"base": self._path.parent})
        if _meaning(config) != _meaning(self._config):
            self._check_timer.start()
        self._config = config
        self.config_changed.emit()

    def _start_with(self, config: PipelineConfig, path: Path | None, on_disk: str = "") -> None:
        self.undo_stack.clear()
        self._path, self._on_disk = path, on_disk
        self._show(config)
        self._check_timer.start()
        self.path_changed.emit()


def require_pastable(size: int) -> None:
    """Raise InputError for more text than nodes that were copied can be."""
    if size > _PASTED_BYTES:
        raise InputError(
            Problem(
                "too much at once",
                found=f"{size:,} bytes",
                allowed=f"at most {_PASTED_BYTES:,}",
                hint="Copy less at once.",
            )
        )


def _meaning(config: PipelineConfig) -> object:
    """Return what the check depends on: not titles and places, which change with every drag."""
    return [(n.id, n.type, n.params, n.bypassed) for n in config.nodes], config.edges, config.base


def resolved(path: str | Path) -> Path:
    """Return the absolute path without links; raises InputError for what can be no path."""
    try:
        return Path(path).resolve()
    except (OSError, ValueError) as error:
        hint = "Choose another name."
        raise InputError(
            Problem("this is no path of a file", found=repr(str(path)[:200]), hint=hint)
        ) from error


def _tidy(position: Position) -> Position:
    x, y = (round(min(max(v, -FARTHEST), FARTHEST), 1) for v in position)
    return x, y


def _tidy_size(size: Position) -> Position:
    width, height = (round(min(max(v, SIDES[0]), SIDES[1]), 1) for v in size)
    return width, height
