"""Nodes behind a fan-out node in a run in one process: they compute once for each crop of a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cluster4npu.core.nodes.values import Crops, Each, Outputs, Tensor

Compute = Callable[[Mapping[str, Any]], dict[str, Any]]


class ForEach:
    """Computes a node for every crop. `ports` take what differs from crop to crop, `outputs` are the node's."""

    def __init__(self, compute: Compute, ports: Sequence[str], outputs: Sequence[str]) -> None:
        self._compute, self._ports, self._outputs = compute, ports, outputs

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return an `Each` for every output; it is empty where there is no crop."""
        given = {port: inputs[port] for port in self._ports}
        rows = next(iter(given.values())).rows
        made: dict[str, list[Any]] = {name: [] for name in self._outputs}
        for number in range(len(rows)):
            one = self._compute({**inputs, **{port: _items(many)[number] for port, many in given.items()}})
            for name in self._outputs:
                made[name].append(_kept(one[name]))
        return {name: Each(values, rows) for name, values in made.items()}


def _items(many: Crops | Each) -> list[Any]:
    return many.images if isinstance(many, Crops) else many.values


def _kept(value: Any) -> Any:
    """Return a value that stays when the node, or the model, uses its arrays again for the next crop."""
    if isinstance(value, Tensor):
        return Tensor(value.data.copy(), value.geometry)
    if isinstance(value, Outputs):
        return Outputs([array.copy() for array in value.arrays], value.geometry)
    return value
