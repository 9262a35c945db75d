"""What a worker computes for one frame: the nodes before the model, the model, and the nodes after it.

    once a frame -> [once for each crop: nodes -> model -> nodes] -> once a frame

The part in brackets is what runs behind a fan-out node; without one, everything runs once a frame.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cluster4npu.core.devices.backend import Session
from cluster4npu.core.nodes.base import FanOutNode, WorkerNode
from cluster4npu.core.nodes.values import Crops, Each, Outputs, Tensor
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.plan import StagePlan

Values = dict[str, Any]  # by NODE.PORT
Step = tuple[WorkerNode, dict[str, str]]  # the node, and by input port the NODE.PORT that it takes


class Chain:
    """The nodes of one stage, bound to its model and in their order. Used by one thread."""

    def __init__(self, graph: Graph, stage: StagePlan, session: Session) -> None:
        self._session = session
        self._model = stage.node_id
        self._outputs = f"{stage.node_id}.outputs"
        self._frames = stage.frames
        self._tensor = ".".join(graph.wires[stage.node_id]["tensor"])
        before = [_step(graph, node_id) for node_id in stage.before]
        after = [_step(graph, node_id) for node_id in stage.after]
        self.after = [node for node, _ in after]
        for node, _ in before + after:
            node.bind(session.info)
        each = set(stage.each)
        self._crops = f"{graph.cut.fans[self._model]}.crops" if self._model in graph.cut.fans else ""
        if not session.needs_input:
            before = [step for step in before if _decides_on_crops(step[0])]
        self._first = [step for step in before if step[0].id not in each]
        self._each_before = [step for step in before if step[0].id in each]
        self._each_after = [step for step in after if step[0].id in each]
        self._last = [step for step in after if step[0].id not in each]
        open_batch = bool(session.info.input_shape) and session.info.input_shape[0] is None
        self._batch = stage.batch if open_batch else 1

    def compute(self, image: np.ndarray, imports: Mapping[str, Any] | None = None) -> tuple[Values, int, int]:
        """Take one frame (H x W x 3 uint8, borrowed) through every node.

        `imports` are the values (NODE.PORT) that earlier stages left. Return all values by NODE.PORT, when the model
        was done (monotonic ns), and how many inputs it got.
        """
        values: Values = dict.fromkeys(self._frames, image)
        if imports:
            values |= imports
        if self._first:
            _run(self._first, values)
        if self._crops:
            inferred_ns, runs = self._compute_each(values)
        else:
            values[self._outputs] = self._infer(image, values)
            inferred_ns, runs = time.monotonic_ns(), 1
        if self._last:
            _run(self._last, values)
        return values, inferred_ns, runs

    def _infer(self, image: np.ndarray, values: Values) -> Outputs:
        if not self._session.needs_input:
            return Outputs(self._session.infer(image))
        tensor: Tensor = values[self._tensor]
        return Outputs(self._session.infer(tensor.data), tensor.geometry)

    def _compute_each(self, values: Values) -> tuple[int, int]:
        """Run the model on every crop, and collect what the nodes behind it made of each."""
        crops: Crops = values[self._crops]
        done: list[Values] = []
        inferred_ns = time.monotonic_ns()
        for start in range(0, len(crops.images), self._batch):
            items = [{**values, self._crops: crop} for crop in crops.images[start : start + self._batch]]
            for item, outputs in zip(items, self._infer_each(items), strict=True):
                inferred_ns = time.monotonic_ns()
                item[self._outputs] = outputs
                _run(self._each_after, item)
            done += items
        for node, _ in self._each_after:
            for port in node.outputs:
                key = f"{node.id}.{port.name}"
                values[key] = Each([item[key] for item in done], crops.rows)
        return inferred_ns, len(done)

    def _infer_each(self, items: list[Values]) -> Iterator[Outputs]:
        """Yield the outputs of each crop; they stay valid until the next one is asked for."""
        if not self._session.needs_input:
            yield from (Outputs(self._session.infer(item[self._crops])) for item in items)
            return
        if len(items) == 1:
            _run(self._each_before, items[0])
            yield self._infer(items[0][self._crops], items[0])
            return
        tensors: list[Tensor] = []
        for item in items:
            _run(self._each_before, item)
            made: Tensor = item[self._tensor]
            tensors.append(Tensor(made.data.copy(), made.geometry))  # the node uses its array again
        arrays = self._session.infer(np.concatenate([tensor.data for tensor in tensors]))
        for row, tensor in enumerate(tensors):
            yield Outputs([array[row : row + 1] for array in arrays], tensor.geometry)


def _step(graph: Graph, node_id: str) -> Step:
    node = graph.nodes[node_id]
    assert isinstance(node, WorkerNode)
    return node, {port: f"{source}.{output}" for port, (source, output) in graph.wires[node_id].items()}


def _decides_on_crops(node: WorkerNode) -> bool:
    """Tell whether a node must run even where the model looks at nothing: it says how often the model runs."""
    return isinstance(node, FanOutNode) or all(port.types[0].kept for port in node.outputs)


def _run(steps: list[Step], values: Values) -> None:
    for node, wires in steps:
        made = node.process({port: values[key] for port, key in wires.items()})
        for port, value in made.items():
            values[f"{node.id}.{port}"] = value
