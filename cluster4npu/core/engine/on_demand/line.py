"""One source of a run in one process, with everything that its frames go through.

Frames of several sources never meet in a node, so each source has a line of its own: nodes of its own, which remember
its frames only, and rates that are kept for it alone. Models and outputs are shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cluster4npu.core.engine.on_demand.reader import FrameReader
from cluster4npu.core.nodes.base import Node, Place
from cluster4npu.core.pipeline.graph import Graph

Wires = dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Line:
    """A source, the graph whose nodes are this line's own, and what reads its frames. `prefix` begins their names."""

    source: str
    graph: Graph
    reader: FrameReader
    prefix: str = ""

    def nodes(self) -> Iterator[Node]:
        """Yield the nodes that this source's frames come to, it among them, in topological order."""
        for node in self.graph.nodes.values():
            if self.source in self.graph.cut.sources[node.id] and node.place is not Place.MUX:
                yield node

    def wires(self, node_id: str) -> Wires:
        """Return by input port the node and the output that feed it, past nodes that only bring sources together."""
        return {port: self._past_mux(*end) for port, end in self.graph.wires[node_id].items()}

    def name(self, node_id: str) -> str:
        """Return the name of a node among those of all lines."""
        return f"{self.prefix}{node_id}"

    def _past_mux(self, node_id: str, output: str) -> tuple[str, str]:
        while self.graph.nodes[node_id].place is Place.MUX:
            ends = self.graph.wires[node_id].values()
            node_id, output = next(end for end in ends if self.source in self.graph.cut.sources[end[0]])
        return node_id, output


def make_lines(readers: Mapping[str, FrameReader], graphs: list[Graph]) -> tuple[Line, ...]:
    """Return a line for each source; `graphs` are the same pipeline, built once for each of them."""
    several = len(readers) > 1
    return tuple(
        Line(source, graph, reader, f"{source}/" if several else "")
        for (source, reader), graph in zip(readers.items(), graphs, strict=True)
    )
