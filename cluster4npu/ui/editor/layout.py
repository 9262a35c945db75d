"""Where nodes go when the user asks for order: columns by depth, from sources to outputs."""

from __future__ import annotations

from collections.abc import Mapping

from cluster4npu.core.pipeline.config import PipelineConfig

Size = tuple[float, float]
_GAP_X, _GAP_Y = 80.0, 36.0
_PORTS_BELOW = 90.0  # the first ports of a node are at most so far below its upper edge


def arranged(config: PipelineConfig, sizes: Mapping[str, Size]) -> dict[str, tuple[float, float]]:
    """Return a place for each node; `sizes` is (width, height) in pixels by node id."""
    depth = _depths(config)
    before: dict[str, list[str]] = {node.id: [] for node in config.nodes}
    for edge in config.edges:
        if edge.source_node in depth and edge.target_node in depth:
            before[edge.target_node].append(edge.source_node)
    places: dict[str, tuple[float, float]] = {}
    x = 0.0
    for column in range(max(depth.values(), default=-1) + 1):
        ids = [n for n in depth if depth[n] == column]
        # Each node stands near the mean height of those that feed it, so that wires cross less.
        middle = {n: places[n][1] + sizes[n][1] / 2 for n in places}
        near = {n: [middle[b] for b in before[n] if b in middle] for n in ids}
        ids.sort(key=lambda n: sum(near[n]) / len(near[n]) if near[n] else 0.0)
        # Nodes with a wire from far away stand above all that this wire passes.
        passed = {
            n: [p for p in places if min(depth[b] for b in before[n]) < depth[p]] for n in ids if before[n]
        }
        high = [n for n in ids if passed.get(n)]
        low = [n for n in ids if n not in high]
        roof = min((places[p][1] for n in high for p in passed[n]), default=0.0)
        y = roof - _PORTS_BELOW - sum(sizes[n][1] + _GAP_Y for n in high[1:])
        y = _stack(high, x, y, sizes, places)
        # Upper edges are level where a column holds one node, so that a chain is one straight line.
        centered = -sum(sizes[n][1] + _GAP_Y for n in low[1:]) / 2
        _stack(low, x, max(y, centered) if high else centered, sizes, places)
        x += max((sizes[n][0] for n in ids), default=0.0) + _GAP_X
    return places


def _stack(
    ids: list[str], x: float, y: float, sizes: Mapping[str, Size], places: dict[str, tuple[float, float]]
) -> float:
    """Place nodes one below the other from `y` on, and return where the next one would stand."""
    for node_id in ids:
        places[node_id] = (x, y)
        y += sizes[node_id][1] + _GAP_Y
    return y


def _depths(config: PipelineConfig) -> dict[str, int]:
    """Return how many nodes stand before each one on its longest way from a source; circles are left out."""
    after: dict[str, list[str]] = {node.id: [] for node in config.nodes}
    waits = dict.fromkeys(after, 0)
    for edge in config.edges:
        if edge.source_node in after and edge.target_node in after:
            after[edge.source_node].append(edge.target_node)
            waits[edge.target_node] += 1
    depth = dict.fromkeys(after, 0)
    todo = [node_id for node_id, count in waits.items() if count == 0]
    while todo:
        node_id = todo.pop()
        for target in after[node_id]:
            depth[target] = max(depth[target], depth[node_id] + 1)
            waits[target] -= 1
            if waits[target] == 0:
                todo.append(target)
    return depth
