"""Cutting a graph into stages: which nodes run in whose workers, and what one stage leaves for the others.

Each inference node is a stage. A node whose output can be kept beside the frame (boxes, classes) runs once, in the
last stage that it depends on; anything else (crops, tensors) is made anew in the worker that needs it, where the
frame's pixels are. What depends on models that do not depend on each other is joined by the manager, and so is what
remembers earlier frames, with all that stands behind it: only there the frames are in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes.base import FanInNode, FanOutNode, InOrderNode, JoinNode, Node, Place

Wires = Mapping[str, Mapping[str, tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class StageCut:
    """One inference node and what runs around it, each list in topological order.

    `each` are those nodes that run once for every crop. `imports` and `exports` are values (NODE.PORT) that lie beside
    the frame; `frames` are the names under which nodes ask for its pixels; `sources` are those whose frames come here.
    """

    node_id: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    each: tuple[str, ...]
    imports: tuple[str, ...]
    exports: tuple[str, ...]
    frames: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass
class Cut:
    """The facts of a graph that stages follow from; `nodes` in topological order."""

    nodes: Mapping[str, Node]
    wires: Wires
    models: dict[str, frozenset[str]] = field(default_factory=dict)  # inference nodes that a node depends on
    sources: dict[str, frozenset[str]] = field(default_factory=dict)  # whose frames come to a node
    fans: dict[str, str] = field(
        default_factory=dict
    )  # the fan-out node behind which a node runs once per crop
    ordered: dict[str, str] = field(default_factory=dict)  # the node that remembers, of all that is behind it
    open: set[str] = field(default_factory=set)  # nodes behind an input to which nothing is wired yet
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        for node in self.nodes.values():
            before = {source for source, _ in self.wires[node.id].values()}
            own = {node.id} if node.place is Place.INFERENCE else set()
            self.models[node.id] = frozenset(own.union(*(self.models[b] for b in before)))
            if before & self.open or any(
                p.required and p.name not in self.wires[node.id] for p in node.inputs
            ):
                self.open.add(node.id)
            self._note_sources(node, before)
            self._note_fan(node)
            first = next((self.ordered[b] for b in sorted(before) if b in self.ordered), "")
            if first or isinstance(node, InOrderNode):
                self.ordered[node.id] = first or node.id
        self.needed = {
            upper
            for node in self.nodes.values()
            if node.place in (Place.SINK, Place.INFERENCE)
            for upper in (node.id, *self._upstream(node.id))
        }

    # ---- facts

    def home(self, node_id: str) -> str | None:
        """Return the stage in which a node can run at the earliest: None when it depends on no model, or on several
        of which none is the last, and where frames must come in order."""
        if node_id in self.ordered:
            return None
        models = self.models[node_id]
        return next((m for m in models if self.models[m] >= models), None)

    def is_kept(self, node_id: str) -> bool:
        """Tell whether what a node makes can be laid beside the frame."""
        kept = all(port.types[0].kept for port in self.nodes[node_id].outputs)
        return kept and node_id not in self.fans

    def is_joined(self, node_id: str) -> bool:
        """Tell whether the manager runs this node, since no one stage comes last."""
        return (
            self.nodes[node_id].place is Place.WORKER and self.home(node_id) is None and self.is_kept(node_id)
        )

    def joins(self) -> tuple[str, ...]:
        """Return the nodes that the manager runs, for sinks."""
        found: set[str] = set()
        for node in self._at(Place.SINK):
            todo = [source for source, _ in self.wires[node.id].values()]
            while todo:
                node_id = todo.pop()
                if self.is_joined(node_id) and self.models[node_id]:
                    found.add(node_id)
                    todo += [source for source, _ in self.wires[node_id].values()]
        return tuple(n for n in self.nodes if n in found)

    def stages(self) -> tuple[StageCut, ...]:
        """Return the stages, each behind those that it takes results of."""
        asked = {
            f"{source}.{port}"
            for node_id in (*self.joins(), *(n.id for n in self._at(Place.SINK)))
            for source, port in self.wires[node_id].values()
        }
        cuts = [self._cut(node.id) for node in self._at(Place.INFERENCE)]
        asked.update(key for cut in cuts for key in cut.imports)
        return tuple(self._with_exports(cut, asked) for cut in cuts)

    # ---- problems

    def find_problems(self) -> list[Problem]:
        """Return everything that cannot be run, each with its node."""
        found = list(self.problems)
        for node in self.nodes.values():
            if node.place is Place.SOURCE and not self._leads_to_a_model(node.id):
                found.append(
                    Problem(
                        "the frames of this source come to no model",
                        node=node.id,
                        allowed="a way to an inference node",
                        hint="Connect it (by way of a 'Several sources' node where there are more), or remove it.",
                    )
                )
            elif node.id in self.ordered and node.place is not Place.SINK:
                found += self._order_problems(node)
            elif node.place is Place.WORKER and node.id in self.needed:
                found += self._join_problems(node)
            elif node.place is Place.SINK:
                found += self._sink_problems(node)
        return found

    def _order_problems(self, node: Node) -> Iterator[Problem]:
        first = self.ordered[node.id]
        if not isinstance(node, InOrderNode | JoinNode):
            yield Problem(
                "behind a node that remembers earlier frames nothing is computed by workers",
                node=node.id,
                found=f"{type(node).title} behind '{first}'",
                allowed="output nodes, and nodes that take frames in their order",
                hint=f"Connect it before '{first}'.",
            )
        elif not self.models[node.id]:
            yield Problem(
                "this node takes results, and there is no model before it",
                node=node.id,
                allowed="what comes after an inference node",
                hint="Connect it behind the inference node.",
            )
        for port, (source, _) in self.wires[node.id].items():
            if source in self.fans:
                yield self._unjoined(node, port, source, "into this node")

    def _join_problems(self, node: Node) -> Iterator[Problem]:
        if self.models[node.id] and self.home(node.id) is None and not isinstance(node, JoinNode):
            kept = self.is_kept(node.id)
            if kept or any(self.nodes[s].place is Place.INFERENCE for s, _ in self.wires[node.id].values()):
                yield Problem(
                    "this node takes results of models that do not depend on each other",
                    node=node.id,
                    found=", ".join(sorted(self.models[node.id])),
                    allowed="results of one model, or of models that come one behind the other",
                    hint="Join the branches with a 'Merge boxes' node.",
                )
        for port, (source, _) in self.wires[node.id].items():
            if self.fans.get(source) and self.is_cut_off(source, node.id):
                yield self._unjoined(node, port, source, "on to another stage")

    def _unjoined(self, node: Node, port: str, source: str, where: str) -> Problem:
        """Return what is wrong where results of crops lead to a node that takes one result for each frame."""
        return Problem(
            f"results of single crops cannot go {where}",
            node=node.id,
            field=port,
            found=f"{source}, once for each crop of '{self.fans[source]}'",
            allowed="one result for each frame",
            hint="Put an 'Attach classes' node between them: it joins the crops to their boxes.",
        )

    def one_process_problems(self) -> Iterator[Problem]:
        """Return what cannot be run in one process, where nothing is cut into stages."""
        yield from self.problems
        for node in self._at(Place.SINK):
            yield from self._crop_problems(node)
        for node in self._at(Place.SOURCE):
            if node.id not in self.needed:
                yield Problem(
                    "the frames of this source come to no output",
                    node=node.id,
                    allowed="a way to an output node",
                    hint="Connect it (by way of a 'Several sources' node where there are more), or remove it.",
                )

    def is_cut_off(self, source: str, target: str) -> bool:
        """Tell whether a wire leads from one stage's results per crop into another stage."""
        made = all(port.types[0].kept for port in self.nodes[source].outputs)
        return made and self.home(source) != self.home(target)

    def _crop_problems(self, node: Node) -> Iterator[Problem]:
        for port, (source, _) in self.wires[node.id].items():
            if self.fans.get(source):
                yield self._unjoined(node, port, source, "into an output node")

    def _sink_problems(self, node: Node) -> Iterator[Problem]:
        yield from self._crop_problems(node)
        for source, output in self.wires[node.id].values():
            if source in self.fans:
                continue
            if self.nodes[source].place is Place.WORKER and not self.models[source]:
                yield Problem(
                    "only results can be wired to an output node",
                    node=source,
                    found=f"{source}.{output}",
                    allowed="what comes after an inference node",
                    hint="Connect the output node behind the inference node.",
                )

    # ---- noting

    def _note_sources(self, node: Node, before: set[str]) -> None:
        ways = {self.sources[b] for b in before if self.sources[b]}  # a loose end is told where it is
        if node.place is Place.SOURCE:
            ways = {frozenset({node.id})}
        self.sources[node.id] = frozenset().union(*ways)
        if len(ways) > 1 and node.place is not Place.MUX:
            self.problems.append(
                Problem(
                    "frames of different sources never meet in one node",
                    node=node.id,
                    found=" and ".join(sorted("/".join(sorted(way)) for way in ways)),
                    allowed="wires that lead back to the same source, or to the same 'Several sources' node",
                    hint="Bring the sources together with a 'Several sources' node, and start all wires there.",
                )
            )

    def _note_fan(self, node: Node) -> None:
        wires = self.wires[node.id]
        behind = {port: self.fans[source] for port, (source, _) in wires.items() if source in self.fans}
        if isinstance(node, FanInNode):
            self._check_fan_in(node, behind)
            return
        if isinstance(node, FanOutNode):
            if behind:
                self._crossed(node, sorted(set(behind.values())), "boxes of a whole frame")
            self.fans[node.id] = node.id
            return
        if len(set(behind.values())) > 1:
            self._crossed(node, sorted(set(behind.values())), "crops of one 'Crop boxes' node")
        if behind:
            self.fans[node.id] = next(iter(behind.values()))

    def _check_fan_in(self, node: FanInNode, behind: Mapping[str, str]) -> None:
        wires = self.wires[node.id]
        if set(behind) - {node.each_port}:
            self._crossed(node, sorted(set(behind.values())), "boxes of a whole frame")
        fan = behind.get(node.each_port)
        if fan is None:
            if node.each_port in wires:
                self._crossed(
                    node, [wires[node.each_port][0]], "what a model found in crops of a 'Crop boxes' node"
                )
        elif wires.get(node.rows_port) != self.wires[fan].get(node.rows_port):
            self.problems.append(
                Problem(
                    "these are not the boxes that were cut out",
                    node=node.id,
                    field=node.rows_port,
                    found=".".join(wires.get(node.rows_port, ("nothing", ""))),
                    allowed=".".join(self.wires[fan].get(node.rows_port, ("nothing", ""))),
                    hint=f"Connect what goes into '{fan}' here too.",
                )
            )

    def _crossed(self, node: Node, found: list[str], allowed: str) -> None:
        self.problems.append(
            Problem(
                "what this node takes does not fit together",
                node=node.id,
                found=f"results of {' and '.join(found)}",
                allowed=allowed,
                hint="Connect it to another output.",
            )
        )

    # ---- cutting

    def _cut(self, node_id: str) -> StageCut:
        before, after, imports, frames = set[str](), set[str](), set[str](), set[str]()
        self._walk(node_id, node_id, before, imports, frames)
        for node in self._at(Place.WORKER):
            if node.id in self.needed and self.home(node.id) == node_id and self.is_kept(node.id):
                after.add(node.id)
                self._walk(node.id, node_id, after, imports, frames)
        run = [n for n in self.nodes if n in before or n in after]
        return StageCut(
            node_id=node_id,
            before=tuple(n for n in run if n in before),
            after=tuple(n for n in run if n in after - before),
            each=tuple(n for n in run if n in self.fans and self.fans[n] != n),
            imports=tuple(sorted(imports)),
            exports=(),
            frames=tuple(sorted(frames)),
            sources=tuple(n for n in self.nodes if n in self.sources[node_id]),
        )

    def _walk(self, start: str, stage: str, run: set[str], imports: set[str], frames: set[str]) -> None:
        """Go back from a node, adding what must run in this stage; stop at what lies beside the frame, and at it."""
        for source, port in self.wires[start].values():
            node = self.nodes[source]
            if node.place in (Place.SOURCE, Place.MUX):
                frames.add(f"{source}.{port}")
            elif source == stage or source in run:
                continue
            elif node.place is Place.INFERENCE or self._lies_there(source, stage):
                imports.add(f"{source}.{port}")
            else:
                run.add(source)
                self._walk(source, stage, run, imports, frames)

    def _lies_there(self, node_id: str, stage: str) -> bool:
        return self.is_kept(node_id) and self.home(node_id) not in (None, stage)

    def _with_exports(self, cut: StageCut, asked: Iterable[str]) -> StageCut:
        own = {cut.node_id, *cut.after}
        exports = tuple(sorted(k for k in asked if k.split(".")[0] in own))
        return replace(cut, exports=exports)

    def _at(self, place: Place) -> Iterator[Node]:
        return (node for node in self.nodes.values() if node.place is place)

    def _upstream(self, node_id: str) -> set[str]:
        found: set[str] = set()
        todo = [node_id]
        while todo:
            new = {source for source, _ in self.wires[todo.pop()].values()} - found
            found |= new
            todo += new
        return found

    def _leads_to_a_model(self, source: str) -> bool:
        """Tell whether a model sees this source, or may once what is not connected yet is."""
        models = [node.id for node in self._at(Place.INFERENCE)]
        return any(source in self.sources[model] or model in self.open for model in models)
