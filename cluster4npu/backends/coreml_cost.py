"""What a Core ML model is made of, counted in its own description: operators, parameters, compute for one image."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster4npu.core.devices.model import ModelCost

_STORED = "constexpr_"  # weights that are kept smaller, and unpacked when the model is loaded
_FLOATS = {10, 11}  # MILSpec.DataType: FLOAT16, FLOAT32
_WEIGHTS = ("weight", "bias", "gamma", "beta", "mean", "variance")
_UNCOUNTED = {"gru", "lstm", "rnn"}  # their steps are not in the shapes

Shape = tuple[int, ...] | None  # None: some size is left open


def cost_of(spec: Any, operations: Sequence[Any]) -> ModelCost:
    """Return what a program is made of; of the older networks (no operations) only the layers are known."""
    if not operations:
        return ModelCost(dict(Counter(layer.WhichOneof("layer") for layer in spec.neuralNetwork.layers)))
    kinds = Counter(operation.type for operation in operations if not is_idle(operation))
    shapes = _shapes(spec, operations)
    return ModelCost(dict(kinds.most_common()), _parameters(operations, shapes), _flops(operations, shapes))


def is_idle(operation: Any) -> bool:
    """Tell whether an operation computes nothing on a frame: constants, weights unpacked at loading, casts."""
    return operation.type in ("const", "cast") or operation.type.startswith(_STORED)


def _shapes(spec: Any, operations: Sequence[Any]) -> dict[str, Shape]:
    """Return the shape of every value by its name."""
    given = [item for function in spec.mlProgram.functions.values() for item in function.inputs]
    made = [output for operation in operations for output in operation.outputs]
    return {item.name: _shape(item) for item in (*given, *made)}


def _shape(item: Any) -> Shape:
    sizes = item.type.tensorType.dimensions
    fixed = all(size.WhichOneof("dimension") == "constant" for size in sizes)
    return tuple(int(size.constant.size) for size in sizes) if fixed else None


def _names(operation: Any, key: str) -> list[str]:
    """Return the names of the values that an input of an operation takes, [] where it is not given."""
    return [a.name for a in operation.inputs[key].arguments if a.name] if key in operation.inputs else []


def _parameters(operations: Sequence[Any], shapes: Mapping[str, Shape]) -> int:
    """Return how many numbers are kept: what operators take as weights, and all other floats that are no single number.

    A program does not say which of them were learned; single numbers (slopes, limits) are settings of operators.
    """
    stored = [operation for operation in operations if operation.type.startswith(_STORED)]
    packed = {name for operation in stored for key in operation.inputs for name in _names(operation, key)}
    constant = [operation for operation in operations if operation.type == "const"]
    kept = {output.name for operation in (*stored, *constant) for output in operation.outputs} - packed
    used = {name for op in operations for key in _WEIGHTS for name in _names(op, key)} & kept
    others = {o.name for op in constant for o in op.outputs if _is_float(o) and shapes[o.name]} & kept
    others |= {output.name for operation in stored for output in operation.outputs} & kept
    return sum(math.prod(shapes[name] or ()) for name in used | others)


def _is_float(output: Any) -> bool:
    return output.type.tensorType.dataType in _FLOATS


def _flops(operations: Sequence[Any], shapes: Mapping[str, Shape]) -> int | None:
    """Return two for each multiply-add of convolutions, matrix products and attention; None where that is open."""
    constants = {o.name: op for op in operations if op.type == "const" for o in op.outputs}
    total = 0
    for operation in operations:
        if operation.blocks or operation.type in _UNCOUNTED:  # how often it is gone through is not said
            return None
        if operation.type in _FORMULAS:
            call = _Call(operation, shapes, constants)
            try:
                total += 2 * _FORMULAS[operation.type](call, call.shape_of(operation.outputs[0].name))
            except _OpenError:
                return None
    return total


class _OpenError(Exception):
    """A size that the program leaves open."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One operation with the shapes of all values, and the operations that make the constants."""

    operation: Any
    shapes: Mapping[str, Shape]
    constants: Mapping[str, Any]

    def shape_of(self, name: str) -> tuple[int, ...]:
        found = self.shapes.get(name)
        if found is None:
            raise _OpenError(name)
        return found

    def __call__(self, key: str, index: int = 0) -> tuple[int, ...]:
        """Return the shape of an input's first value, or of another one."""
        names = _names(self.operation, key)
        return self.shape_of(names[index] if index < len(names) else "")

    def constant(self, key: str) -> Any:
        """Return what a constant input holds, None where it is not given."""
        for name in _names(self.operation, key):
            tensor = self.constants[name].attributes["val"].immediateValue.tensor
            kind = tensor.WhichOneof("value")
            return next(iter(getattr(tensor, kind).values)) if kind else None
        return None


def _convolution(take: _Call, made: tuple[int, ...]) -> int:
    return math.prod(made) * math.prod(take("weight")[1:])  # (outputs, inputs of its group, kernel ...)


def _transposed(take: _Call, made: tuple[int, ...]) -> int:
    return math.prod(take("x")) * math.prod(
        take("weight")[1:]
    )  # each input goes to (outputs of its group, kernel ...)


def _linear(take: _Call, made: tuple[int, ...]) -> int:
    return math.prod(made) * take("weight")[-1]  # (outputs, inputs)


def _product(take: _Call, made: tuple[int, ...]) -> int:
    return math.prod(made) * take("x")[-2 if take.constant("transpose_x") else -1]


def _attention(take: _Call, made: tuple[int, ...]) -> int:
    return (math.prod(take("query")) + math.prod(made)) * take("key")[
        -2
    ]  # queries by keys, and that by values


def _einsum(take: _Call, made: tuple[int, ...]) -> int:
    sides = str(take.constant("equation")).replace(" ", "").partition("->")[0].split(",")
    sizes = {
        letter: size
        for n, side in enumerate(sides)
        for letter, size in zip(side, take("values", n), strict=True)
    }
    return math.prod(sizes.values())


# Multiply-adds by operator, as coremltools' reference of MIL operators defines them.
_FORMULAS: dict[str, Callable[[_Call, tuple[int, ...]], int]] = {
    "conv": _convolution,
    "conv_transpose": _transposed,
    "linear": _linear,
    "matmul": _product,
    "scaled_dot_product_attention": _attention,
    "einsum": _einsum,
}
