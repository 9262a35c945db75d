"""What a family of networks is: what goes in, what comes out, and how the network is made of random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from cluster4npu.core.errors import InputError, Problem, nearest
from cluster4npu.core.families.graph import Graph

S = TypeVar("S")

REDUCED, PUBLISHED = "reduced", "published"
SIZES = (REDUCED, PUBLISHED)


class Content(Enum):
    """What an input holds; `inputs.py` makes it."""

    TOKENS = "token ids"  # int64, from 3 on: the first ones are usually special
    STARTED = "token ids after a start token"  # int64, as a decoder gets them
    ENDED = "token ids that end with the highest one"  # int64, as CLIP marks the end of a text
    MASK = "attention mask"  # int64, 1 for a token and 0 for the padding behind a text
    PROMPT_MASK = (
        "attention mask of a prompt"  # int64, padding in front, so that the text's end is the last place
    )
    PIXELS = "pixels"  # float32, normalised: mean 0, spread 1
    FRAMES = "frames of a clip"  # float32, as pixels, each frame a little later than the one before
    MEL = "log-mel features"  # float32, -1 to 1
    WAVE = "waveform"  # float32, 16 kHz, mean 0, spread 1


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input. `shape` is that of one, without the batch axis, which comes first; `vocabulary` bounds token ids."""

    name: str
    content: Content
    shape: tuple[int, ...]
    vocabulary: int = 0

    @property
    def dtype(self) -> str:
        """Return its NumPy dtype."""
        real = (Content.PIXELS, Content.FRAMES, Content.MEL, Content.WAVE)
        return "float32" if self.content in real else "int64"


@dataclass(frozen=True, slots=True)
class Output:
    """An output: the name in the graph of what is handed out, and its shape; None is the size of the batch."""

    made: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Family(Generic[S]):
    """One family. `reduced` has the published structure in a small size; `published` is what one can download.

    `computes` says what one inference is (a decoder: how many tokens). `smallest` is the smallest published member in
    words; where it is too large to be made here, `published` is None and `too_large` says why.
    """

    id: str
    title: str
    task: str
    computes: str
    smallest: str
    reduced: S
    inputs: Callable[[S], tuple[Tensor, ...]]
    network: Callable[[Graph, S], dict[str, Output]]
    published: S | None = None
    too_large: str = ""

    def shape_of(self, size: str) -> Any:
        """Return the numbers of one size; raises InputError for one that there is not."""
        sizes = {REDUCED: self.reduced} | ({} if self.published is None else {PUBLISHED: self.published})
        if size not in sizes:
            why = f": {self.too_large}" if size == PUBLISHED else ""
            raise InputError(
                Problem(
                    f"'{self.id}' is not made in this size{why}",
                    field="--size",
                    found=size,
                    allowed=", ".join(sizes),
                    hint=nearest(size, sizes) or f"Take --size {REDUCED}.",
                )
            )
        return sizes[size]

    def inputs_of(self, size: str) -> tuple[Tensor, ...]:
        """Return what one size takes; raises as `shape_of`."""
        return self.inputs(self.shape_of(size))
