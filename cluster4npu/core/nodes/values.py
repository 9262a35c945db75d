"""What flows between nodes, beside pixels. Each result value can be laid out as named arrays in shared memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a frame was brought to the model's input: `x_model = x_frame * scale_x + pad_x`, the same for y. Pixels."""

    scale_x: float
    scale_y: float
    pad_x: float
    pad_y: float
    frame_height: int
    frame_width: int


@dataclass(slots=True)
class Tensor:
    """Model input of one frame: `data` is 1 x 3 x H x W in the model's dtype; `geometry` leads back to the frame."""

    data: np.ndarray
    geometry: Geometry


@dataclass(slots=True)
class Outputs:
    """Raw model outputs of one frame: each array keeps its batch axis of length 1. Empty on simulated devices."""

    kind: ClassVar[str] = "outputs"
    arrays: list[np.ndarray]
    geometry: Geometry | None = None

    def to_arrays(self) -> list[np.ndarray]:
        return self.arrays

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray]) -> Outputs:
        return cls(list(arrays))

    def as_json(self) -> Any:
        """Return shapes and a summary, since whole tensors do not belong into a text line."""
        return [
            {"shape": list(a.shape), "dtype": str(a.dtype), "mean": float(a.mean()) if a.size else None}
            for a in self.arrays
        ]


@dataclass(slots=True)
class Crops:
    """Pictures cut out of one frame: `images` are h x w x 3 uint8 BGR views of it, borrowed as the frame is.

    `rows` tells for each of them the row of the detections that it was cut from.
    """

    images: list[np.ndarray]
    rows: list[int]


@dataclass(slots=True)
class Each:
    """One value for each crop, and the row of the detections that the crop was cut from."""

    values: list[Any]
    rows: list[int]


@dataclass(slots=True)
class Detections:
    """Boxes of one frame: `rows` is n x 6 float32, x1 y1 x2 y2 (pixels of the source frame), score, class index.

    `crops` is n x 2 float32, class index and probability of what another model found in each box (NaN where it was
    not asked); None where no such model ran.
    """

    kind: ClassVar[str] = "detections"
    rows: np.ndarray
    crops: np.ndarray | None = None

    def to_arrays(self) -> list[np.ndarray]:
        return [self.rows] if self.crops is None else [self.rows, self.crops]

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray]) -> Detections:
        return cls(arrays[0], arrays[1] if len(arrays) > 1 else None)

    def as_json(self) -> Any:
        found: list[dict[str, Any]] = [
            {
                "box": [round(float(v), 2) for v in row[:4]],
                "score": round(float(row[4]), 4),
                "class": int(row[5]),
            }
            for row in self.rows
        ]
        if self.crops is not None:
            for entry, (index, score) in zip(found, self.crops.tolist(), strict=True):
                known = index == index  # not NaN
                entry["crop"] = {"class": int(index), "score": round(score, 4)} if known else None
        return found


@dataclass(slots=True)
class Tracks(Detections):
    """Boxes that are followed from frame to frame: `ids` is n int64, one number for one thing; -1: not sure yet."""

    kind: ClassVar[str] = "tracks"
    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def to_arrays(self) -> list[np.ndarray]:
        crops = np.zeros((0, 2), np.float32) if self.crops is None else self.crops
        return [self.rows, crops, self.ids]

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray]) -> Tracks:
        rows, crops, ids = arrays
        return cls(rows, crops if len(crops) == len(rows) and len(rows) else None, ids)

    def as_json(self) -> Any:
        found = Detections.as_json(self)
        for entry, number in zip(found, self.ids.tolist(), strict=True):
            entry["track"] = number if number >= 0 else None
        return found


@dataclass(slots=True)
class Classes:
    """Classification of one frame: `rows` is k x 2 float32, class index and probability, best first."""

    kind: ClassVar[str] = "classes"
    rows: np.ndarray

    def to_arrays(self) -> list[np.ndarray]:
        return [self.rows]

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray]) -> Classes:
        return cls(arrays[0])

    def as_json(self) -> Any:
        return [{"class": int(row[0]), "score": round(float(row[1]), 4)} for row in self.rows]


@dataclass(slots=True)
class Points:
    """Points in one picture: `rows` is n x 2 float32, x y in its pixels; `width` and `height` are the picture's."""

    kind: ClassVar[str] = "points"
    rows: np.ndarray
    width: int
    height: int

    def to_arrays(self) -> list[np.ndarray]:
        return [self.rows, np.array([self.width, self.height], np.int32)]

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray]) -> Points:
        return cls(arrays[0], int(arrays[1][0]), int(arrays[1][1]))

    def as_json(self) -> Any:
        return [{"point": [round(float(v), 2) for v in row]} for row in self.rows]


@dataclass(slots=True)
class Number:
    """One measured number."""

    kind: ClassVar[str] = "number"
    value: float

    def to_arrays(self) -> list[np.ndarray]:
        return [np.array([self.value], np.float64)]

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray]) -> Number:
        return cls(float(arrays[0][0]))

    def as_json(self) -> Any:
        return [{"number": self.value}]


@dataclass(slots=True)
class Flag:
    """One yes or no."""

    kind: ClassVar[str] = "flag"
    value: bool

    def to_arrays(self) -> list[np.ndarray]:
        return [np.array([self.value], np.uint8)]

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray]) -> Flag:
        return cls(bool(arrays[0][0]))

    def as_json(self) -> Any:
        return [{"flag": self.value}]


Value = Outputs | Detections | Classes | Points | Number | Flag | Tracks
VALUE_KINDS: dict[str, type[Value]] = {
    cls.kind: cls for cls in (Outputs, Detections, Classes, Points, Number, Flag, Tracks)
}
