"""Rates and modes in a pipeline: where it runs because of them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster4npu.core.errors import Problem, nearest
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import FanInNode, InOrderNode, Node, Place
from cluster4npu.core.nodes.demand import ComputeNode, DemandParams
from cluster4npu.core.nodes.switch_mode import SwitchMode
from cluster4npu.core.pipeline.config import PipelineConfig

Wires = Mapping[str, Mapping[str, tuple[str, str]]]


def has_computations(config: PipelineConfig) -> bool:
    """Tell whether a node computes something without a model."""
    types = node_types()
    kinds = [types[n.type] for n in config.nodes if n.type in types and not n.bypassed]
    return any(issubclass(kind, ComputeNode) for kind in kinds)


def runs_in_one_process(config: PipelineConfig) -> bool:
    """Tell whether the pipeline keeps rates and modes: on demand, or without a model that would need devices.

    Else it is spread over workers, which compute every frame as fast as they can.
    """
    types = node_types()
    kinds = [types[n.type] for n in config.nodes if n.type in types and not n.bypassed]
    return config.execution == "on_demand" or all(kind.place is not Place.INFERENCE for kind in kinds)


def rate_of(node: Node) -> float | None:
    """Return the node's own rate as its period in ms; None: it has none."""
    return node.params.every_ms if isinstance(node.params, DemandParams) else None


def rate_problems(config: PipelineConfig, nodes: Mapping[str, Node], wires: Wires) -> list[Problem]:
    """Return what is wrong with rates, samples and modes."""
    problems = [*_modes(config, nodes)]
    if runs_in_one_process(config):
        problems += _asking(nodes, wires)
    else:
        problems += _spread(nodes)
    return problems


def _modes(config: PipelineConfig, nodes: Mapping[str, Node]) -> Iterator[Problem]:
    rated = {n.id: n.params.modes for n in nodes.values() if isinstance(n.params, DemandParams)}
    known = sorted({mode for modes in rated.values() for mode in modes})
    wanted = [("", "mode", config.mode)] if config.mode else []
    wanted += [(n.id, "mode", n.params.mode) for n in nodes.values() if isinstance(n, SwitchMode)]
    for node, field, mode in wanted:
        if mode not in known:
            hint = nearest(mode, known) or "Name the mode in 'modes' of a node that asks in it."
            allowed = ", ".join(known) or "a mode in which a node asks"
            yield Problem("no node asks in this mode", node, field, mode, allowed, hint)
    for node, modes in rated.items():
        if modes and rate_of(nodes[node]) is None:
            hint = "Set 'every_ms' too, or empty 'modes'."
            yield Problem(
                "modes without a rate do nothing", node, "modes", ", ".join(modes), "", hint, "warning"
            )


def _asking(nodes: Mapping[str, Node], wires: Wires) -> Iterator[Problem]:
    for node in nodes.values():
        if isinstance(node, FanInNode):  # behind every fan-out there is one
            yield from _other_frames(node, nodes, wires)
        opaque = isinstance(node, InOrderNode) or (isinstance(node, ComputeNode) and node.opaque)
        if opaque and rate_of(node) is not None:
            hint = "Empty 'every_ms' here, and give the rate to the node before it."
            yield Problem(
                "this node computes on every input, so it has no rate of its own",
                node.id,
                "every_ms",
                f"{rate_of(node):g} ms",
                hint=hint,
            )
        elif opaque or (node.place is Place.SINK and rate_of(node) is None):
            for asked in _never_asked(node.id, nodes, wires):
                hint = f"Give '{asked}' or '{node.id}' a rate (every_ms)."
                yield Problem(f"waits for '{asked}', which samples only when asked", node.id, hint=hint)


def _other_frames(node: Node, nodes: Mapping[str, Node], wires: Wires) -> Iterator[Problem]:
    """Boxes and the frame that they are cut from must be of one moment: nothing before them keeps a time of its own."""
    for name in sorted(_upstream(node.id, wires)):
        before = nodes.get(name)
        samples = before.samples() if isinstance(before, ComputeNode) else None
        if before is not None and (rate_of(before) is not None or samples is not None):
            yield Problem(
                f"'{node.id}' needs its frame and its boxes of the same moment",
                name,
                "every_ms" if samples is None else "frames",
                allowed="no rate and no samples between a source and crops",
                hint=f"Give the rate to what stands behind '{node.id}'.",
            )


def _upstream(node_id: str, wires: Wires) -> set[str]:
    found: set[str] = set()
    todo = [node_id]
    while todo:
        new = {source for source, _ in wires.get(todo.pop(), {}).values()} - found
        found |= new
        todo += new
    return found


def _never_asked(node_id: str, nodes: Mapping[str, Node], wires: Wires) -> set[str]:
    """Return the nodes before this one that take samples, and that nothing asks."""
    found: set[str] = set()
    todo, seen = [source for source, _ in wires[node_id].values()], {node_id}
    while todo:
        name = todo.pop()
        node = nodes.get(name)
        if node is None or name in seen or rate_of(node) is not None:
            continue
        seen.add(name)
        if isinstance(node, ComputeNode) and node.samples() is not None:
            found.add(name)
        else:
            todo += [source for source, _ in wires[name].values()]
    return found


def _spread(nodes: Mapping[str, Node]) -> Iterator[Problem]:
    hint = 'Set "execution" of the pipeline to "on_demand".'
    for node in nodes.values():
        if isinstance(node, ComputeNode) and not node.spreads:
            yield Problem(
                "looks at several frames, or may have no answer: it cannot be spread over a model's workers",
                node.id,
                hint=hint,
            )
        elif isinstance(node, SwitchMode):
            yield Problem("there are no modes while every frame is computed", node.id, hint=hint)
        elif rate_of(node) is not None:
            found = f"{rate_of(node):g} ms"
            yield Problem(
                "this rate is not kept while every frame is computed",
                node.id,
                "every_ms",
                found,
                "",
                hint,
                "warning",
            )


def no_devices_to_compare() -> Problem:
    """Return why devices cannot be measured with a pipeline that runs in one process."""
    return Problem(
        "devices are compared at full speed, and this pipeline computes at rates of its own",
        field="execution",
        allowed="a pipeline with an inference node that computes every frame (push)",
        hint="Use `cluster4npu run`, which tells what each node computed.",
    )
