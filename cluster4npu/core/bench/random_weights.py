"""Networks of the families with random weights, as ONNX: two layers of width 64, for speed only.

Needs the package onnx (cluster4npu[quantize]).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cluster4npu.core.bench.families import (
    IMAGE_SIDE,
    MEL_FRAMES,
    MELS,
    PATCH,
    SAMPLES,
    TOKENS,
    VIDEO_FRAMES,
    VOCABULARY,
    Family,
)
from cluster4npu.core.devices.model import SPEED_ONLY
from cluster4npu.core.errors import DeviceUnavailable, Problem

OPSET = 17
WIDTH, HEADS, LAYERS, CLASSES, QUERIES, LETTERS = 64, 4, 2, 100, 16, 32
_STRIDES = (5, 4, 4, 4)  # of the convolutions over a wave
_PATCHES = (IMAGE_SIDE // PATCH) ** 2


def build(family: Family) -> Any:
    """Return the family's network as an onnx.ModelProto, labelled in its description; raises DeviceUnavailable."""
    helper, proto = _onnx()
    network = _Network()
    outputs = network.of(family)
    kinds = {"int64": proto.INT64, "float32": proto.FLOAT}
    told = f"{family.id}, {SPEED_ONLY}: random weights of a small configuration, recognises nothing"
    taken = [helper.make_tensor_value_info(i.name, kinds[i.dtype], ["N", *i.shape]) for i in family.inputs]
    given = [helper.make_tensor_value_info(n, proto.FLOAT, ["N", *shape]) for n, shape in outputs.items()]
    graph = helper.make_graph(network.nodes, told, taken, given, network.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    helper.set_model_props(model, {"description": told, "license": "Apache-2.0"})
    return model


def _onnx() -> tuple[Any, Any]:
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        raise DeviceUnavailable(
            Problem("networks cannot be made here", found=str(error), hint="Install cluster4npu[quantize].")
        ) from error
    return helper, TensorProto


class _Network:
    """Collects nodes and weights. States are N x places x WIDTH; every method returns the name of what it has made."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._random = np.random.default_rng(seed)

    def of(self, family: Family) -> dict[str, tuple[int, ...]]:
        """Put the family's parts together; return its outputs with their shapes behind N."""
        names = [item.name for item in family.inputs]
        towers = {
            "text": self._text, "image": self._image, "tiles": self._tiles, "film": self._film,
            "mel": self._mel, "wave": self._wave,
        }  # fmt: skip
        states = [
            towers[part](name) for part, name in zip(family.parts, names, strict=False) if part in towers
        ]
        parts = set(family.parts)
        if "two towers" in parts:
            return {self._space(*self.layers(*state)): (WIDTH,) for state in states}
        state, places = states[0]
        if "joined" in parts:
            state = self.op("Concat", state, states[1][0], axis=1)
            places += states[1][1]
        if "encoder" in parts:
            state, places = self.layers(state, places)
        if "answer" in parts:
            state, places = self.layers(*self._text(names[1], TOKENS // 2), causal=True, seen=(state, places))
        elif "queries" in parts:
            asked = self.op("Add", self.op("ReduceMean", state, axes=[1]), self.random(1, QUERIES, WIDTH))
            state, places = self.layers(asked, QUERIES, seen=(state, places))
        elif parts & {"decoder", "shared keys", "joined"}:
            state, places = self.layers(state, places, causal=True, shared="shared keys" in parts)
        if "boxes" in parts:
            return {
                self.dense(state, CLASSES): (QUERIES, CLASSES),
                self.op("Sigmoid", self.dense(state, 4)): (QUERIES, 4),
            }
        if "classes" in parts:
            return {self.dense(self.op("ReduceMean", state, axes=[1], keepdims=0), CLASSES): (CLASSES,)}
        outer = LETTERS if "letters" in parts else VOCABULARY
        return {self.dense(state, outer): (places, outer)}

    # ---- what makes states of an input

    def _text(self, name: str, places: int = TOKENS) -> tuple[str, int]:
        words = self.op("Gather", self.random(VOCABULARY, WIDTH), name)
        return self.op("Add", words, self.random(1, places, WIDTH)), places

    def _image(self, name: str) -> tuple[str, int]:
        patches = self.conv(name, 3, (PATCH, PATCH), PATCH)
        state = self.op("Transpose", self.reshape(patches, 0, WIDTH, _PATCHES), perm=[0, 2, 1])
        return self.op("Add", state, self.random(1, _PATCHES, WIDTH)), _PATCHES

    def _tiles(self, name: str) -> tuple[str, int]:
        return self._frames(name, 2)

    def _film(self, name: str) -> tuple[str, int]:
        return self._frames(name, VIDEO_FRAMES)

    def _frames(self, name: str, count: int) -> tuple[str, int]:
        state, places = self._image(self.reshape(name, -1, 3, IMAGE_SIDE, IMAGE_SIDE))
        return self.reshape(state, -1, count * places, WIDTH), count * places

    def _mel(self, name: str) -> tuple[str, int]:
        heard = self.op("Relu", self.conv(name, MELS, (3,), 2, pads=[1, 1]))
        places = MEL_FRAMES // 2
        state = self.op("Transpose", heard, perm=[0, 2, 1])
        return self.op("Add", state, self.random(1, places, WIDTH)), places

    def _wave(self, name: str) -> tuple[str, int]:
        heard, inner, places = self.reshape(name, 0, 1, SAMPLES), 1, SAMPLES
        for stride in _STRIDES:
            heard, inner = self.op("Relu", self.conv(heard, inner, (stride,), stride)), WIDTH
            places //= stride
        return self.op("Transpose", heard, perm=[0, 2, 1]), places

    # ---- layers

    def layers(
        self,
        state: str,
        places: int,
        *,
        causal: bool = False,
        seen: tuple[str, int] | None = None,
        shared: bool = False,
    ) -> tuple[str, int]:
        """Add the transformer's layers; each also looks at what another tower has `seen`."""
        for _ in range(LAYERS):
            normal = self.normal(state)
            looked = self.attend(normal, places, normal, places, causal=causal, shared=shared)
            state = self.op("Add", state, looked)
            if seen is not None:
                state = self.op("Add", state, self.attend(self.normal(state), places, *seen))
            inner = self.dense(self.normal(state), 4 * WIDTH)
            gate = self.op("Mul", inner, self.op("Sigmoid", inner))
            state = self.op("Add", state, self.dense(gate, WIDTH, 4 * WIDTH))
        return self.normal(state), places

    def attend(
        self, x: str, places: int, seen: str, seen_places: int, *, causal: bool = False, shared: bool = False
    ) -> str:
        """Add attention; `shared`: all heads look at the same keys."""
        size = WIDTH // HEADS
        heads = 1 if shared else HEADS
        query = self._heads(self.dense(x, WIDTH), places, HEADS)
        key = self._heads(self.dense(seen, heads * size), seen_places, heads)
        value = self._heads(self.dense(seen, heads * size), seen_places, heads)
        scores = self.op("MatMul", query, self.op("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self.op("Mul", scores, self.constant(np.float32(size**-0.5)))
        if causal:
            later = np.triu(np.full((places, seen_places), -1e9, np.float32), 1)
            scores = self.op("Add", scores, self.constant(later))
        taken = self.op("MatMul", self.op("Softmax", scores, axis=-1), value)
        both = self.reshape(self.op("Transpose", taken, perm=[0, 2, 1, 3]), -1, places, WIDTH)
        return self.dense(both, WIDTH)

    def _heads(self, x: str, places: int, heads: int) -> str:
        return self.op("Transpose", self.reshape(x, -1, places, heads, WIDTH // HEADS), perm=[0, 2, 1, 3])

    def _space(self, state: str, _places: int) -> str:
        """Add the projection of a tower into the space that both share, of length 1."""
        mean = self.dense(self.op("ReduceMean", state, axes=[1], keepdims=0), WIDTH)
        return self.op("LpNormalization", mean, axis=-1, p=2)

    # ---- operators

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Add one node."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(_onnx()[0].make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value: np.ndarray | np.float32) -> str:
        """Add a weight or a constant."""
        from onnx import numpy_helper

        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def random(self, *shape: int) -> str:
        """Add random weights that keep the size of what goes through them."""
        scale = np.float32(max(1, shape[-2] if len(shape) > 1 else 1) ** -0.5)
        return self.constant(self._random.standard_normal(shape, np.float32) * scale)

    def dense(self, x: str, outer: int, inner: int = WIDTH) -> str:
        """Add a matrix product with bias."""
        return self.op("Add", self.op("MatMul", x, self.random(inner, outer)), self.random(outer))

    def normal(self, x: str) -> str:
        """Add a normalisation of each place."""
        ones, zeros = self.constant(np.ones(WIDTH, np.float32)), self.constant(np.zeros(WIDTH, np.float32))
        return self.op("LayerNormalization", x, ones, zeros, axis=-1)

    def conv(self, x: str, inner: int, kernel: tuple[int, ...], stride: int, **more: object) -> str:
        """Add a convolution to WIDTH channels."""
        size = int(np.prod(kernel)) * inner
        weights = self._random.standard_normal((WIDTH, inner, *kernel), np.float32) * np.float32(size**-0.5)
        strides = [stride] * len(kernel)
        return self.op("Conv", x, self.constant(weights), kernel_shape=list(kernel), strides=strides, **more)

    def reshape(self, x: str, *shape: int) -> str:
        """Add a change of shape; 0 keeps a size."""
        return self.op("Reshape", x, self.constant(np.array(shape, np.int64)))
