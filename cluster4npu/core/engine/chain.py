"""What a worker computes for one frame: the nodes before the model, the model, and the nodes after it.

    once a frame -> [once for each crop: nodes -> model -> nodes] -> once a frame

The part in brackets is what runs behind a fan-out node; without one, everything runs once a frame.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cluster4npu.core.devices.backend import Session
from cluster4npu.core.engine.costs import CostMeter, cpu_ns
from cluster4npu.core.errors import DeviceUnavailable, InferenceFailed, InputError, Problem, RunFailed
from cluster4npu.core.nodes.base import FanOutNode, WorkerNode
from cluster4npu.core.nodes.values import Crops, Each, Outputs, Tensor
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.plan import StagePlan

Values = dict[str, Any]  # by NODE.PORT
Step = tuple[WorkerNode, dict[str, str]]  # the node, and by input port the NODE.PORT that it takes


class Chain:
    """The nodes of one stage, bound to its model and in their order. Used by one thread."""

    def __init__(self, graph: Graph, stage: StagePlan, session: Session, batch: int | None = None) -> None:
        """Bind the nodes; `batch` of the device overrules the stage's. Raises InputError where it cannot be."""
        self._session, self._needs_input = session, session.needs_input
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
        shape = session.info.input_shape
        takes_several = session.needs_input and bool(shape) and shape[0] is None
        if not takes_several and (batch or 1) > 1:
            raise _takes_one(stage, session, batch)
        self._batch = (batch or stage.batch or 1) if takes_several else 1  # crops at once
        self._rows = np.empty(0)
        open_outputs = all(found and found[0] is None for found in session.info.output_shapes)
        self.may_batch = takes_several and open_outputs and not self._crops  # frames
        self.costs = CostMeter()
        self._measured = False  # whether the costs of the present frames are measured

    def compute(self, image: np.ndarray, imports: Mapping[str, Any] | None = None) -> tuple[Values, int, int]:
        """Take one frame (H x W x 3 uint8, borrowed) through every node.

        `imports` are the values (NODE.PORT) that earlier stages left. Return all values by NODE.PORT, when the model
        was done (monotonic ns), and how many inputs it got.
        """
        self._measured = self.costs.begin()
        values: Values = dict.fromkeys(self._frames, image)
        if imports:
            values |= imports
        if self._first:
            self._run(self._first, values)
        if self._crops:
            inferred_ns, runs = self._compute_each(values)
        else:
            values[self._outputs] = self._infer(image, values)
            inferred_ns, runs = time.monotonic_ns(), 1
        if self._last:
            self._run(self._last, values)
        return values, inferred_ns, runs

    def compute_together(
        self, images: Sequence[np.ndarray], imports: Sequence[Mapping[str, Any] | None]
    ) -> Iterator[tuple[Values, int, int]]:
        """Take several frames through every node, and through the model at once; yield for each what `compute` returns.

        Values are valid until the next are asked for. Only where `may_batch`. An error is that of any of the frames.
        """
        self._measured = self.costs.begin(len(images))
        items: list[Values] = []
        tensors: list[Tensor] = []
        for image, imported in zip(images, imports, strict=True):
            values: Values = dict.fromkeys(self._frames, image)
            if imported:
                values |= imported
            self._run(self._first, values)
            items.append(values)
            tensors.append(self._kept(len(tensors), len(images), values[self._tensor]))
        for values, outputs in zip(items, self._infer_together(tensors), strict=True):
            values[self._outputs] = outputs
            inferred_ns = time.monotonic_ns()
            self._run(self._last, values)
            yield values, inferred_ns, 1

    def _infer(self, image: np.ndarray, values: Values) -> Outputs:
        if not self._needs_input:
            return Outputs(self._run_model(image))
        tensor: Tensor = values[self._tensor]
        return Outputs(self._run_model(tensor.data), tensor.geometry)

    def _run_model(self, batch: np.ndarray, inputs: int = 1) -> list[np.ndarray]:
        begun_ns = cpu_ns() if self._measured else 0
        try:
            arrays = self._session.infer(batch)
        except DeviceUnavailable:
            raise
        except Exception as error:  # a driver may raise anything
            raise InferenceFailed.of(error) from error
        if not self._measured:
            return arrays
        self.costs.add(self._model, begun_ns, inputs)
        return arrays

    def _run(self, steps: list[Step], values: Values) -> None:
        begun_ns = cpu_ns() if self._measured else 0
        for node, wires in steps:
            made = node.process({port: values[key] for port, key in wires.items()})
            for port, value in made.items():
                values[f"{node.id}.{port}"] = value
            if self._measured:
                begun_ns = self.costs.add(node.id, begun_ns)

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
                self._run(self._each_after, item)
            done += items
        for node, _ in self._each_after:
            for port in node.outputs:
                key = f"{node.id}.{port.name}"
                values[key] = Each([item[key] for item in done], crops.rows)
        return inferred_ns, len(done)

    def _infer_each(self, items: list[Values]) -> Iterator[Outputs]:
        """Yield the outputs of each crop; they stay valid until the next one is asked for."""
        if not self._session.needs_input:
            yield from (Outputs(self._run_model(item[self._crops])) for item in items)
            return
        if len(items) == 1:
            self._run(self._each_before, items[0])
            yield self._infer(items[0][self._crops], items[0])
            return
        tensors: list[Tensor] = []
        for item in items:
            self._run(self._each_before, item)
            tensors.append(self._kept(len(tensors), len(items), item[self._tensor]))
        yield from self._infer_together(tensors)

    def _kept(self, row: int, rows: int, made: Tensor) -> Tensor:
        """Return a tensor in its row of what goes into the model at once: the node uses its own array again."""
        shape = (rows, *made.data.shape[1:])
        if self._rows.shape[1:] != shape[1:] or len(self._rows) < rows or self._rows.dtype != made.data.dtype:
            if row:
                raise RunFailed(f"the frames of one batch differ: {self._rows.shape[1:]} and {shape[1:]}")
            self._rows = np.empty(shape, made.data.dtype)
        own = self._rows[row : row + 1]
        own[:] = made.data
        return Tensor(own, made.geometry)

    def _infer_together(self, tensors: Sequence[Tensor]) -> Iterator[Outputs]:
        """Yield the outputs of each, computed at once out of their rows."""
        arrays = self._run_model(self._rows[: len(tensors)], len(tensors))
        if any(len(array) != len(tensors) for array in arrays):
            raise RunFailed(
                f"the model gave {[len(a) for a in arrays]} outputs for a batch of {len(tensors)}"
            )
        for row, tensor in enumerate(tensors):
            yield Outputs([array[row : row + 1] for array in arrays], tensor.geometry)


def _takes_one(stage: StagePlan, session: Session, batch: int | None) -> InputError:
    return InputError(
        Problem(
            "this model takes one input at a time",
            node=stage.node_id,
            field="devices",
            found=f"batch={batch} and an input of {session.info.input_shape}",
            allowed="batch=1",
            hint="Leave the option batch of the device out, or export the model with a dynamic batch axis.",
        )
    )


def _step(graph: Graph, node_id: str) -> Step:
    node = graph.nodes[node_id]
    assert isinstance(node, WorkerNode)
    return node, {port: f"{source}.{output}" for port, (source, output) in graph.wires[node_id].items()}


def _decides_on_crops(node: WorkerNode) -> bool:
    """Tell whether a node must run even where the model looks at nothing: it says how often the model runs."""
    return isinstance(node, FanOutNode) or all(port.types[0].kept for port in node.outputs)
