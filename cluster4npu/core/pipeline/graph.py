"""A pipeline's graph: its nodes made real, its wires checked; every problem is reported, not just the first."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pydantic import ValidationError

from cluster4npu.core.errors import PipelineInvalid, Problem, nearest
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Node, Place, Port, ui_hint
from cluster4npu.core.pipeline.bounds import unwritable
from cluster4npu.core.pipeline.bypass import effective
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig, validation_problems
from cluster4npu.core.pipeline.cut import Cut
from cluster4npu.core.pipeline.rates import has_computations, rate_problems, runs_in_one_process
from cluster4npu.core.settings import resolve_path

_LONGEST_WAY = 4  # nodes that are suggested for one wire
_NO_CIRCLE = "wires that lead from sources to outputs without coming back"


@dataclass(frozen=True, slots=True)
class Graph:
    """A checked pipeline. `nodes` is in topological order; `wires[node][input port]` is (node, output port).

    `cut` tells the stages that it is run in.
    """

    config: PipelineConfig
    nodes: dict[str, Node]
    wires: dict[str, dict[str, tuple[str, str]]]
    cut: Cut

    def at(self, place: Place) -> list[Node]:
        """Return the nodes that run at this place, in topological order."""
        return [node for node in self.nodes.values() if node.place is place]

    def upstream(self, node_id: str) -> set[str]:
        """Return the ids of every node on which this one depends."""
        found: set[str] = set()
        todo = [node_id]
        while todo:
            for source, _ in self.wires.get(todo.pop(), {}).values():
                if source not in found:
                    found.add(source)
                    todo.append(source)
        return found

    def files(self) -> list[Path]:
        """Return every file that a node reads or writes."""
        return [path for node in self.nodes.values() for _, path in _files_of(node)]

    @classmethod
    def build(cls, config: PipelineConfig) -> Graph:
        """Make the graph; raises PipelineInvalid with every problem of severity "error"."""
        problems, graph = _check(config)
        errors = [p for p in problems if p.severity == "error"]
        if errors or graph is None:
            raise PipelineInvalid.of(errors)
        return graph


def find_problems(config: PipelineConfig) -> list[Problem]:
    """Return everything that is wrong with a pipeline (errors first, then warnings); [] when it can run."""
    problems, _ = _check(config)
    return sorted(problems, key=lambda p: p.severity != "error")


def make_node(entry: NodeConfig, config: PipelineConfig) -> tuple[Node | None, list[Problem]]:
    """Make one node from its entry; None and the problems when type or parameters are wrong."""
    types = node_types()
    if entry.type not in types:
        return None, [
            Problem(
                "unknown node type",
                node=entry.id,
                field="type",
                found=entry.type,
                allowed=", ".join(types),
                hint=nearest(entry.type, types) or "Remove the node, or install what brings this type.",
            )
        ]
    cls = types[entry.type]
    if wrong := [replace(p, node=entry.id) for p in unwritable(dict(entry.params))]:
        return None, wrong
    try:
        params = cls.Params.model_validate(entry.params)
    except ValidationError as error:
        names = cls.Params.model_fields
        units = {name: str(ui_hint(info, "unit") or "") for name, info in names.items()}
        problems = validation_problems(error, {}, node=entry.id, units=units)
        return None, [
            Problem(
                p.message,
                p.node,
                p.field,
                p.found,
                p.allowed or ", ".join(names),
                nearest(p.field, names) or p.hint,
            )
            if p.message == "unknown field"
            else p
            for p in problems
        ]
    return cls(entry.id, params, config.base), []


def wire_problem(config: PipelineConfig, edge: EdgeConfig) -> Problem | None:
    """Tell why this wire cannot be added to the pipeline, or None when it can.

    Used by the canvas before a wire is made. A wire that is there already is no problem.
    """
    others = [e for e in config.edges if e != edge]
    if edge.source_node == edge.target_node or _reaches(others, edge.target_node, edge.source_node):
        return Problem(
            "this wire would close a circle",
            node=edge.target_node,
            field=edge.target_port,
            found=f"{edge.source} -> {edge.target}",
            allowed=_NO_CIRCLE,
            hint="Remove one of the wires of the circle.",
        )
    return _wire_problem(edge, {n.id: n for n in config.nodes}, {e.target: e for e in others})


def _wire_problem(
    edge: EdgeConfig, nodes: dict[str, NodeConfig], taken: dict[str, EdgeConfig]
) -> Problem | None:
    """Check one wire's ends; `taken` holds the other wires by the input they go into."""
    ends = _ends(edge, nodes)
    if isinstance(ends, Problem):
        return ends
    output, target = ends
    kind = output.types[0].value
    if not target.accepts(output):
        return Problem(
            f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} output cannot go into this input",
            node=edge.target_node,
            field=edge.target_port,
            found=f"{edge.source} ({kind})",
            allowed=" or ".join(t.value for t in target.types),
            hint=_between(output, target),
        )
    other = taken.get(edge.target)
    if other is not None:
        return Problem(
            "this input already has a wire",
            node=edge.target_node,
            field=edge.target_port,
            found=f"{other.source} -> {other.target}",
            allowed="one wire per input",
            hint="Remove that wire first.",
        )
    return None


def _check(config: PipelineConfig) -> tuple[list[Problem], Graph | None]:
    if not config.nodes:
        return [
            Problem("the pipeline is empty", hint="Drag nodes from the palette, or start from a template.")
        ], None
    config, left_out = effective(config)
    problems = [
        Problem(
            f"this node is left out, because '{cause}' is bypassed",
            node=node_id,
            hint=f"Connect it to another node, or run '{cause}' again.",
            severity="warning",
        )
        for node_id, cause in left_out.items()
    ]
    made: dict[str, Node] = {}
    for entry in config.nodes:
        node, found = make_node(entry, config)
        problems += found
        if node is not None:
            made[entry.id] = node
    sound: dict[str, EdgeConfig] = {}  # by the input it goes into
    entries = {n.id: n for n in config.nodes}
    for edge in config.edges:
        problem = _wire_problem(edge, entries, sound)
        if problem is None:
            sound[edge.target] = edge
        elif not _hangs_on_unknown(edge, entries):  # the node's own problem tells it
            problems.append(problem)
    circle = _circle(config.edges)
    if circle:
        problems.append(
            Problem(
                "the wires form a circle",
                node=circle[0],
                found=" -> ".join([*circle, circle[0]]),
                allowed=_NO_CIRCLE,
                hint="Remove one of the wires of the circle.",
            )
        )
    wires: dict[str, dict[str, tuple[str, str]]] = {entry.id: {} for entry in config.nodes}
    for edge in sound.values():
        wires[edge.target_node][edge.target_port] = (edge.source_node, edge.source_port)
    if not circle:
        problems += _unconnected(made, config.edges)
    for node in made.values():
        problems += node.problems()
    problems += _shape(config, left_out)
    problems += rate_problems(config, made, wires)
    problems += _overwritten(made)
    if circle or len(made) < len(entries):
        return problems, None
    order = TopologicalSorter({n: {s for s, _ in wires[n].values()} for n in wires}).static_order()
    nodes = {node_id: made[node_id] for node_id in order}
    cut = Cut(nodes, wires)
    problems += cut.one_process_problems() if runs_in_one_process(config) else cut.find_problems()
    if any(p.severity == "error" for p in problems):
        return problems, None
    return problems, Graph(config, nodes, wires, cut)


def _hangs_on_unknown(edge: EdgeConfig, nodes: Mapping[str, NodeConfig]) -> bool:
    """Tell whether an end of this wire is a node whose type is not known."""
    ends = (nodes.get(edge.source_node), nodes.get(edge.target_node))
    return any(entry is not None and entry.type not in node_types() for entry in ends)


def _unconnected(nodes: dict[str, Node], edges: Iterable[EdgeConfig]) -> list[Problem]:
    """Find inputs and outputs without a wire; one with a wrong wire is told with that wire."""
    problems = []
    wired, used = {edge.target for edge in edges}, {edge.source_node for edge in edges}
    for node in nodes.values():
        for port in node.inputs:
            if port.required and f"{node.id}.{port.name}" not in wired:
                problems.append(
                    Problem(
                        f"the input '{port.name}' is not connected",
                        node=node.id,
                        field=port.name,
                        allowed="a wire that brings " + " or ".join(t.value for t in port.types),
                        hint=f"Connect it, or remove '{node.id}'.",
                    )
                )
        if node.outputs and node.id not in used and node.place is not Place.INFERENCE:
            problems.append(
                Problem(
                    "nothing uses what this node makes",
                    node=node.id,
                    hint="Connect its output, or remove it.",
                    severity="warning",
                )
            )
    return problems


def _shape(config: PipelineConfig, left_out: Mapping[str, str]) -> list[Problem]:
    """Look for a source and an inference node by their type, whatever may be wrong inside them."""
    without = ", ".join(sorted({*left_out.values()}))
    lost = f" that is run; bypassed: {without}" if without else ""
    types = node_types()
    problems = []
    for place, what in ((Place.SOURCE, "a source"), (Place.INFERENCE, "an inference node")):
        ids = [n.id for n in config.nodes if n.type in types and types[n.type].place is place]
        if not ids and not (place is Place.INFERENCE and has_computations(config)):
            problems.append(
                Problem(
                    f"a pipeline needs {what}",
                    found=f"none{lost}",
                    allowed="one or more",
                    hint=f"Drag {what} from the palette.",
                )
            )
    return problems


def _overwritten(nodes: dict[str, Node]) -> list[Problem]:
    """Find outputs that would write over a file that another node uses."""
    files: dict[Path, str] = {}
    problems = []
    for node in sorted(nodes.values(), key=lambda n: n.place is Place.SINK):
        for name, path in _files_of(node):
            if node.place is Place.SINK and path in files:
                problems.append(
                    Problem(
                        f"this would write over a file of '{files[path]}'",
                        node=node.id,
                        field=name,
                        found=str(path),
                        allowed="a file that no other node uses",
                        hint="Choose another name.",
                    )
                )
            files.setdefault(path, node.id)
    return problems


def _files_of(node: Node) -> Iterator[tuple[str, Path]]:
    """Yield the parameters that name a file, with that file."""
    for name, info in type(node).Params.model_fields.items():
        value = getattr(node.params, name)
        if ui_hint(info, "widget") == "file" and isinstance(value, str) and value:
            yield name, Path(os.path.realpath(resolve_path(value, node.base)))


def _ends(edge: EdgeConfig, nodes: dict[str, NodeConfig]) -> tuple[Port, Port] | Problem:
    types = node_types()
    ports: list[Port] = []
    for node_id, port_name, side in (
        (edge.source_node, edge.source_port, "outputs"),
        (edge.target_node, edge.target_port, "inputs"),
    ):
        entry = nodes.get(node_id)
        if entry is None:
            return Problem(
                "a wire names a node that does not exist",
                node=node_id,
                found=f"{edge.source} -> {edge.target}",
                allowed=", ".join(nodes),
                hint=nearest(node_id, nodes) or "Remove the wire.",
            )
        if entry.type not in types:
            return Problem(
                "a wire hangs on a node of unknown type", node=node_id, field=port_name, found=entry.type
            )
        known: dict[str, Port] = {p.name: p for p in getattr(types[entry.type], side)}
        if port_name not in known:
            return Problem(
                f"there is no {side[:-1]} '{port_name}'",
                node=node_id,
                field=port_name,
                found=f"{edge.source} -> {edge.target}",
                allowed=", ".join(known) or f"this node has no {side}",
                hint=nearest(port_name, known) or "Remove the wire.",
            )
        ports.append(known[port_name])
    return ports[0], ports[1]


def _between(output: Port, target: Port) -> str:
    """Suggest the shortest chain of nodes from one port to the other; those for special tasks are left out."""
    types = [
        cls
        for cls in node_types().values()
        if cls.category != "Vision" and sum(port.required for port in cls.inputs) == 1 and cls.outputs
    ]
    ways: list[tuple[Port, tuple[type[Node], ...]]] = [(output, ())]
    for made, way in ways:  # grows while it is read: shorter ways come first
        for cls in types:
            if cls in way or not any(port.required and port.accepts(made) for port in cls.inputs):
                continue
            whole = (*way, cls)
            if any(target.accepts(port) for port in cls.outputs):
                titles = [f"'{item.title}'" for item in whole]
                if len(titles) == 1:
                    return f"Put the node {titles[0]} between them."
                return f"Put the nodes {', '.join(titles[:-1])} and {titles[-1]} between them."
            if len(whole) < _LONGEST_WAY:
                ways += [(port, whole) for port in cls.outputs]
    return ""


def _reaches(edges: Iterable[EdgeConfig], start: str, goal: str) -> bool:
    after: dict[str, list[str]] = {}
    for edge in edges:
        after.setdefault(edge.source_node, []).append(edge.target_node)
    todo, seen = [start], {start}
    while todo:
        for node in after.get(todo.pop(), []):
            if node == goal:
                return True
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return False


def _circle(edges: Iterable[EdgeConfig]) -> list[str]:
    before: dict[str, set[str]] = {}
    for edge in edges:
        before.setdefault(edge.target_node, set()).add(edge.source_node)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        return list(reversed(error.args[1][:-1]))
    return []
