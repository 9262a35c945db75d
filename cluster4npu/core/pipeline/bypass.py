"""What is left of a pipeline when its bypassed nodes are taken out: the plan, the checks and the canvas follow this."""

from __future__ import annotations

from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Node, Port
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig


def effective(config: PipelineConfig) -> tuple[PipelineConfig, dict[str, str]]:
    """Return the pipeline that is run, and why each node that is not bypassed itself is left out, by id.

    What comes into a bypassed node goes on behind it where an input takes what the output would give. Where none
    does, the output brings nothing: a node that needs it is left out too, an optional input stays empty.
    """
    if not any(node.bypassed for node in config.nodes):
        return config, {}
    run = _Run(config)
    while run.leave_out_starved():
        pass
    nodes = tuple(n for n in config.nodes if n.id not in run.gone)
    edges = tuple(
        edge if source == edge.source else EdgeConfig(source=source, target=edge.target)
        for edge in config.edges
        if edge.target_node not in run.gone and (source := run.origin(edge.source)) is not None
    )
    return config.replace(nodes=nodes, edges=edges), run.reasons


def meaning(entry: NodeConfig) -> str:
    """Say what bypassing this node does, in one sentence for its user."""
    cls = node_types().get(entry.type)
    if cls is None:
        return "The node is left out."
    passed = [(i.name, o.name) for o in cls.outputs if (i := _way(cls, o)) is not None]
    if passed:
        return f"What comes into '{passed[0][0]}' goes on from '{passed[0][1]}' unchanged."
    if not cls.outputs:
        return "The node gets no results and writes nothing."
    return "The node makes nothing, and nodes that need what it makes are left out too."


class _Run:
    def __init__(self, config: PipelineConfig) -> None:
        self._nodes = {n.id: n for n in config.nodes}
        self._edges = config.edges
        self._into = {e.target: e.source for e in config.edges}
        self.gone = {n.id for n in config.nodes if n.bypassed}
        self.reasons: dict[str, str] = {}

    def origin(self, source: str, seen: frozenset[str] = frozenset()) -> str | None:
        """Return the NODE.PORT from which the value of this output really comes; None: from nowhere."""
        node_id, _, name = source.partition(".")
        if node_id not in self.gone:
            return source
        entry = self._nodes[node_id]
        cls = node_types().get(entry.type)
        output = next((p for p in cls.outputs if p.name == name), None) if cls is not None else None
        if cls is None or output is None or not entry.bypassed or source in seen:
            return None
        entry_port = _way(cls, output)
        before = self._into.get(f"{node_id}.{entry_port.name}") if entry_port is not None else None
        found = self.origin(before, seen | {source}) if before is not None else None
        return found if found is not None and self._kind(found) is output.types[0] else None

    def leave_out_starved(self) -> bool:
        """Leave out every node whose required input has lost its value; tell whether there was one."""
        starved: dict[str, str] = {}
        for edge in self._edges:
            entry = self._nodes.get(edge.target_node)
            if entry is None or entry.id in self.gone or edge.source_node not in self.gone:
                continue
            cls = node_types().get(entry.type)
            needed = cls is None or any(p.name == edge.target_port and p.required for p in cls.inputs)
            if needed and self.origin(edge.source) is None:
                starved[entry.id] = self.reasons.get(edge.source_node, edge.source_node)
        self.reasons.update(starved)
        self.gone.update(starved)
        return bool(starved)

    def _kind(self, source: str) -> object:
        node_id, _, name = source.partition(".")
        cls = node_types().get(self._nodes[node_id].type) if node_id in self._nodes else None
        return next((p.types[0] for p in cls.outputs if p.name == name), None) if cls is not None else None


def _way(cls: type[Node], output: Port) -> Port | None:
    """Return the input whose value can stand for this output."""
    return next((p for p in cls.inputs if p.accepts(output)), None)
