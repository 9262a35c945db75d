"""What a demand graph is declared from: sources, nodes, and the inputs of nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Input:
    """An input slot: the node that it is fed by, and how many different outputs of it the slot holds.

    `depth` 1 hands the computation one value; more hand it a tuple of that many, oldest first, and until there are
    so many there is no answer. An entry that the node has not looked at yet is overwritten by the next one.
    With `apart_ms` the entries are samples taken on the clock: being asked starts the taking of `depth` samples,
    `apart_ms` milliseconds apart, and the answer about them is given at the next ask.
    """

    node: str
    depth: int = 1
    apart_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How often a question is asked that needs several samples: `frames` of them, `apart_ms` apart, each `every_ms`."""

    frames: int
    apart_ms: float
    every_ms: float

    @classmethod
    def on_off(cls, on_ms: float, off_ms: float, apart_ms: float) -> Sampling:
        """Sample every `apart_ms` for `on_ms` milliseconds, then rest for `off_ms`, and again."""
        return cls(max(1, math.ceil(on_ms / apart_ms)), apart_ms, on_ms + off_ms)

    def of(self, node: str) -> Input:
        """Return the input that takes these samples of `node`."""
        return Input(node, self.frames, self.apart_ms)


@dataclass(frozen=True, slots=True)
class Source:
    """Where values come from: pushed from outside, or read at a rate.

    `read(n)` makes the value number n, from 0, every `every_ms` milliseconds; None ends the source. Where the machine
    is late, numbers are left out, as a live camera leaves out frames. Without `every_ms` values come by
    `Execution.push`. A value older than `ttl_ms` milliseconds is no longer given to anybody: "expired".
    """

    name: str
    read: Callable[[int], Any] | None = None
    every_ms: float | None = None
    ttl_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A computation and when it is wanted.

    `compute` gets one argument per input, in their order; None as its result means that there is no answer.
    It must give the same answer to the same inputs, unless `push` is set or the node has a rate.
    `inputs` is one or several of `Input` or the name of a node (depth 1).
    `every_ms` is the node's own rate: it asks for itself so often, and whoever else asks gets its latest answer.
    `modes` are the modes in which that rate holds; empty: in all of them.
    `ttl_ms` is the age at which an answer is thrown away.
    `push` says that the node cannot be asked (an off-the-shelf part, or one that counts): it computes on every input.
    """

    name: str
    compute: Callable[..., Any]
    inputs: Input | str | Sequence[Input | str]
    every_ms: float | None = None
    modes: tuple[str, ...] = ()
    ttl_ms: float | None = None
    push: bool = False

    @property
    def slots(self) -> tuple[Input, ...]:
        """Return the inputs in their order, each written out."""
        inputs = (self.inputs,) if isinstance(self.inputs, Input | str) else self.inputs
        return tuple(Input(one) if isinstance(one, str) else one for one in inputs)

    @property
    def gathers(self) -> bool:
        """Tell whether an input takes its samples on the clock."""
        return any(slot.apart_ms is not None for slot in self.slots)

    def paced_in(self, mode: str) -> bool:
        """Tell whether the node asks for itself in `mode`."""
        return self.every_ms is not None and (not self.modes or mode in self.modes)
