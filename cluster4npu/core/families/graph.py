"""Collects the operators and random weights of a network, as ONNX. Needs the package onnx, which is an extra."""

from __future__ import annotations

from typing import Any

import numpy as np

from cluster4npu.core.errors import DeviceUnavailable, Problem

EXTRA = "cluster4npu[quantize]"
_NUMBERS = 65_537  # a prime number, so that no two filters are the same where they are used again and again
_STEP = 7_919


def onnx_tools() -> Any:
    """Return the package onnx; raises DeviceUnavailable with the remedy where it is not installed."""
    try:
        import onnx
    except ImportError as error:
        raise DeviceUnavailable(
            Problem(
                "the tool that writes networks is not installed",
                found=str(error),
                allowed="the package onnx",
                hint=f"Install {EXTRA}.",
            )
        ) from error
    return onnx


class Graph:
    """A network in the making; every method returns the name of what it has made."""

    gain = 1.0  # by how much weights are larger than what keeps the size of what goes through them

    def __init__(self, seed: int = 0) -> None:
        self.onnx: Any = onnx_tools()
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._numbers = np.random.default_rng(seed).standard_normal(_NUMBERS, np.float32)

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        """Add one node; of several outputs only the first is returned, the others end in _1, _2 ..."""
        name = f"{kind.lower()}{len(self.nodes)}"
        names = [name, *(f"{name}_{i}" for i in range(1, outputs))]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return name

    def constant(self, value: np.ndarray | np.float32) -> str:
        """Add a constant or a weight."""
        name = f"w{len(self.weights)}"
        self.weights.append(self.onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def whole(self, *numbers: int) -> str:
        """Add a list of whole numbers: a shape, axes, sizes."""
        return self.constant(np.array(numbers, np.int64))

    def random(self, *shape: int, inner: int | None = None) -> str:
        """Add a weight that keeps the size of what goes through it; `inner` numbers are summed (default: 1st axis)."""
        summed = shape[0] if inner is None else inner
        turned = np.roll(self._numbers, len(self.weights) * _STEP % _NUMBERS)
        return self.constant(np.resize(turned, shape) * np.float32(self.gain * max(1, summed) ** -0.5))

    def dense(self, x: str, inner: int, outer: int, *, bias: bool = True) -> str:
        """Add a matrix product over the last axis."""
        y = self.op("MatMul", x, self.random(inner, outer))
        return self.op("Add", y, self.constant(np.zeros(outer, np.float32))) if bias else y

    def conv(
        self, x: str, inner: int, outer: int, kernel: int = 1, stride: int = 1, *, axes: int = 2,
        pads: tuple[int, int] | None = None, groups: int = 1, act: str = "",
    ) -> str:  # fmt: skip
        """Add a convolution with bias over `axes` axes; `pads`: before and after (default: half the kernel)."""
        fan = inner // groups * kernel**axes
        weights = self.random(outer, inner // groups, *[kernel] * axes, inner=fan)
        before, after = pads or (kernel // 2, kernel // 2)
        y = self.op(
            "Conv", x, weights, self.constant(np.zeros(outer, np.float32)), kernel_shape=[kernel] * axes,
            strides=[stride] * axes, pads=[before] * axes + [after] * axes, group=groups,
        )  # fmt: skip
        return self.activate(y, act)

    def activate(self, x: str, act: str) -> str:
        """Add an activation: "" none, Gelu, QuickGelu, SiLU, or the name of an operator."""
        if act == "SiLU":
            return self.op("Mul", x, self.op("Sigmoid", x))
        if act == "QuickGelu":  # CLIP's
            return self.op("Mul", x, self.op("Sigmoid", self.scale(x, 1.702)))
        if act == "Gelu":
            half = self.op("Erf", self.scale(x, 2**-0.5))
            one = self.op("Add", half, self.constant(np.float32(1)))
            return self.op("Mul", x, self.scale(one, 0.5))
        return self.op(act, x) if act else x

    def scale(self, x: str, by: float) -> str:
        """Add a product with one number."""
        return self.op("Mul", x, self.constant(np.float32(by)))

    def add(self, x: str, *others: str) -> str:
        """Add up."""
        for other in others:
            x = self.op("Add", x, other)
        return x

    def reshape(self, x: str, *shape: int) -> str:
        """Add a change of shape; 0 keeps the axis at that place, -1 is what is left."""
        return self.op("Reshape", x, self.whole(*shape))

    def transpose(self, x: str, *axes: int) -> str:
        """Add a change of the order of axes."""
        return self.op("Transpose", x, perm=list(axes))

    def piece(self, x: str, axis: int, first: int, last: int, step: int = 1) -> str:
        """Add a cut along one axis, from `first` up to `last` without it; a large `last` is the end."""
        return self.op("Slice", x, self.whole(first), self.whole(last), self.whole(axis), self.whole(step))

    def layer_norm(self, x: str, width: int, *, epsilon: float = 1e-5) -> str:
        """Add a layer normalisation over the last axis."""
        weights = [self.constant(np.ones(width, np.float32)), self.constant(np.zeros(width, np.float32))]
        return self.op("LayerNormalization", x, *weights, axis=-1, epsilon=epsilon)

    def rms_norm(self, x: str, width: int, *, epsilon: float = 1e-6) -> str:
        """Add a normalisation by the root mean square over the last axis (Zhang and Sennrich 2019)."""
        mean = self.op("ReduceMean", self.op("Mul", x, x), axes=[-1], keepdims=1)
        root = self.op("Sqrt", self.op("Add", mean, self.constant(np.float32(epsilon))))
        return self.op("Mul", self.op("Div", x, root), self.constant(np.ones(width, np.float32)))

    def unit(self, x: str) -> str:
        """Add a scaling of the last axis to length 1."""
        return self.op("Div", x, self.op("ReduceL2", x, axes=[-1], keepdims=1))

    def for_each(self, value: str, like: str, rank: int) -> str:
        """Add a constant of batch size 1, repeated for each input of the batch of `like`; `rank` counts its axes."""
        batch = self.op("Slice", self.op("Shape", like), self.whole(0), self.whole(1))
        sizes = self.op("Concat", batch, self.whole(*[1] * (rank - 1)), axis=0)
        return self.op("Expand", value, sizes)
