"""What an ONNX file says about itself, read field by field without any runtime: safe on files from anybody.

Reads the protocol buffers' wire format by the field numbers of onnx.proto3 (https://github.com/onnx/onnx). Weights are
skipped, not loaded. Every place where a tensor may stand is looked at, since each may name another file.
"""

from __future__ import annotations

import mmap
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

Data: TypeAlias = "mmap.mmap | bytes"
Span: TypeAlias = tuple[int, int]

_MOST_FIELDS = 3_000_000
_MOST_DEPTH = 64
_FLOAT16 = 10  # TensorProto.DataType
_LENGTH = 2  # wire type of texts, messages and packed numbers

# field number -> kind of message, for each kind that may lead to a tensor or an operator
_MODEL = {7: "graph", 20: "training", 25: "function"}
_CHILDREN = {
    "model": _MODEL,
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "tensor": {13: "external"},
}


class OutlineError(ValueError):
    """The bytes are no ONNX model; the text says where reading ended."""


_CONSTANT = re.compile(r"(^|[/.:])Constant(_\d+)?_output_\d+$")  # as exporters name the output of such a node


@dataclass(frozen=True, slots=True)
class External:
    """Weights in another file, as the model names it. `length` None: to the file's end."""

    location: str
    offset: int = 0
    length: int | None = None


@dataclass(slots=True)
class Outline:
    """What was found. `domains` are the operators' ("": ONNX's own).

    `parameters` counts the numbers in weights: not the scales and zero points of a quantised model, nor the constants
    that an optimiser has put among its weights.
    """

    operators: Counter[str] = field(default_factory=Counter)
    domains: set[str] = field(default_factory=set)
    parameters: int = 0
    external: set[External] = field(default_factory=set)
    producer: str = ""
    opset: int = 0
    half_weights: int = 0  # of the numbers in all tensors, those of float16
    all_weights: int = 0

    @property
    def made_in(self) -> str:
        """Return the precision that the file itself is in: int8 where it computes in integers, fp16, "" for others."""
        if any("Linear" in kind or kind.endswith("Integer") for kind in self.operators):
            return "int8"
        return "fp16" if 2 * self.half_weights > self.all_weights else ""


def read_outline(path: Path) -> Outline:
    """Read a file's outline; raises OutlineError, OSError."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return Reader(data).outline()


class Reader:
    """Walks through one file."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._left = _MOST_FIELDS
        self._weights: list[tuple[str, int]] = []  # name and how many numbers
        self._scales: set[str] = set()

    def outline(self) -> Outline:
        """Read the whole file; raises OutlineError."""
        found = Outline()
        whole = (0, len(self._data))
        self._walk("model", whole, found, 0)
        seen = {number for number, _, _ in self._fields(whole)}
        if 7 not in seen:
            raise OutlineError("it holds no graph")
        for number, wire, span in self._fields(whole):
            if number == 2 and wire == _LENGTH:
                found.producer = self._text(span)[:80]
            elif number == 8 and wire == _LENGTH:
                self._opset(span, found)
        found.parameters = sum(
            size for name, size in self._weights if name not in self._scales and not _CONSTANT.search(name)
        )
        return found

    def _walk(self, kind: str, span: Span, found: Outline, depth: int) -> None:
        if depth > _MOST_DEPTH:
            raise OutlineError("its graphs are nested too deeply")
        children = _CHILDREN.get(kind, {})
        if kind == "node":
            self._node(span, found)
        elif kind == "tensor":
            self._tensor(span, found, weights=depth == 2)
        for number, wire, inner in self._fields(span):
            child = children.get(number)
            if child is not None and wire == _LENGTH and child != "external":
                self._walk(child, inner, found, depth + 1)

    def _node(self, span: Span, found: Outline) -> None:
        name = domain = ""
        inputs: list[Span] = []
        for number, wire, inner in self._fields(span):
            if number == 1 and wire == _LENGTH:
                inputs.append(inner)
            elif number == 4 and wire == _LENGTH:
                name = self._text(inner)
            elif number == 7 and wire == _LENGTH:
                domain = self._text(inner)
        if name in ("QuantizeLinear", "DequantizeLinear"):
            self._scales.update(self._text(inner) for inner in inputs[1:])
        domain = "" if domain == "ai.onnx" else domain
        found.operators[f"{domain}.{name}".lstrip(".")] += 1
        found.domains.add(domain)

    def _tensor(self, span: Span, found: Outline, *, weights: bool) -> None:
        size, name, half = 1, "", False
        entries: dict[str, str] = {}
        elsewhere = False
        for number, wire, inner in self._fields(span):
            if number == 1:
                for length in self._numbers(wire, inner):
                    size *= length
            elif number == 2 and wire == 0:
                half = inner[0] == _FLOAT16
            elif number == 8 and wire == _LENGTH:
                name = self._text(inner)
            elif number == 13 and wire == _LENGTH:
                key, value = self._entry(inner)
                if entries.setdefault(key, value) != value:
                    raise OutlineError(f"a tensor has two values for {key!r}")
                elsewhere = True
            elif number == 14 and wire == 0:
                elsewhere = elsewhere or inner[0] == 1
        found.all_weights += size
        found.half_weights += size if half else 0
        if weights:
            self._weights.append((name, size))
        if elsewhere:
            try:
                offset, length = int(entries.get("offset") or 0), int(entries.get("length") or 0)
            except ValueError as error:
                raise OutlineError(f"a tensor's place in another file is no number: {error}") from error
            found.external.add(External(entries.get("location", ""), offset, length or None))

    def _entry(self, span: Span) -> tuple[str, str]:
        texts = {number: self._text(inner) for number, wire, inner in self._fields(span) if wire == _LENGTH}
        return texts.get(1, ""), texts.get(2, "")

    def _opset(self, span: Span, found: Outline) -> None:
        domain, version = "", 0
        for number, wire, inner in self._fields(span):
            if number == 1 and wire == _LENGTH:
                domain = self._text(inner)
            elif number == 2 and wire == 0:
                version = inner[0]
        if domain in ("", "ai.onnx"):
            found.opset = version

    def _numbers(self, wire: int, span: Span) -> Iterator[int]:
        if wire == 0:
            yield span[0]
        elif wire == _LENGTH:
            at = span[0]
            while at < span[1]:
                value, at = self._varint(at, span[1])
                yield value

    def _text(self, span: Span) -> str:
        return bytes(self._data[span[0] : min(span[1], span[0] + 65_536)]).decode("utf-8", errors="replace")

    def _fields(self, span: Span) -> Iterator[tuple[int, int, Span]]:
        """Yield (number, wire type, span) of each field; for plain numbers the span is (value, end)."""
        at, end = span
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise OutlineError("it has too many parts")
            key, at = self._varint(at, end)
            number, wire = key >> 3, key & 7
            if wire == 0:
                value, at = self._varint(at, end)
                yield number, wire, (value, at)
            elif wire == _LENGTH:
                size, at = self._varint(at, end)
                if size > end - at:
                    raise OutlineError(f"it ends in the middle, at byte {at} of {len(self._data)}")
                yield number, wire, (at, at + size)
                at += size
            elif wire in (1, 5):
                at += 8 if wire == 1 else 4
                if at > end:
                    raise OutlineError(f"it ends in the middle, at byte {end} of {len(self._data)}")
                yield number, wire, (at, at)
            else:
                raise OutlineError(f"byte {at} is no part of an ONNX model")
        return

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while at < end and shift < 70:
            byte = self._data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at
            shift += 7
        raise OutlineError(f"it ends in the middle of a number, at byte {at}")
