"""What a loaded model tells about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SPEED_ONLY = "speed only"  # stands in the description of a model with random weights


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What a model is made of. `operators` counts by name; None, or no operators: not known.

    `flops` are of one image: two for each multiply-add.
    """

    operators: Mapping[str, int] = field(default_factory=dict)
    parameters: int | None = None
    flops: int | None = None


@dataclass(frozen=True, slots=True)
class TensorShape:
    """An input or output; None is a dimension that the model leaves open."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = ""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a loaded model tells about itself. Unknown dimensions are None; `labels` is empty where it names none."""

    path: str
    sha256: str
    input_name: str
    input_shape: tuple[int | None, ...]
    input_dtype: str
    output_names: tuple[str, ...]
    output_shapes: tuple[tuple[int | None, ...], ...]
    labels: tuple[str, ...] = ()
    task: str = ""
    description: str = ""  # what the file says of itself
    inputs: tuple[TensorShape, ...] = ()  # all of them, by `Backend.load_named`; (): the image alone

    @property
    def takes(self) -> tuple[TensorShape, ...]:
        """Return every input, with its NumPy dtype."""
        return self.inputs or (TensorShape(self.input_name, self.input_shape, self.input_dtype),)

    @property
    def is_for_speed_only(self) -> bool:
        """Tell whether the model says of itself that it has random weights, and recognises nothing."""
        return SPEED_ONLY in self.description.lower()

    @property
    def input_size(self) -> tuple[int, int] | None:
        """Return (height, width) of an N x 3 x H x W input, or None where the model leaves them open."""
        if len(self.input_shape) != 4:
            return None
        height, width = self.input_shape[2], self.input_shape[3]
        return None if height is None or width is None else (height, width)
