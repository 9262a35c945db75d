"""The output layouts of YOLO models: which one a model has, and reading boxes, scores and classes out of it.

`yolov8` (also v11): 1 x (4 + classes) x anchors, or its transpose; box centre and size, then class scores.
`yolov5`: 1 x anchors x (5 + classes); box centre and size, objectness, then class scores.
`end2end`: 1 x n x 6; corners, score and class, already suppressed by the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cluster4npu.core.devices.model_file import shape_text
from cluster4npu.core.errors import Problem
from cluster4npu.core.vision.boxes import from_centres

LayoutName = Literal["yolov8", "yolov5", "end2end"]
Shape = tuple[int | None, ...]

_MOST_SCORE = 1.5  # int8 models come out a little above 1
_ALLOWED = "1 x (4+classes) x anchors, its transpose, 1 x anchors x (5+classes), or 1 x n x 6"


@dataclass(frozen=True, slots=True)
class Layout:
    """A settled layout: which output holds it (`index`), and whether channels come before anchors."""

    name: LayoutName
    index: int
    channels_first: bool


class LayoutUnknownError(ValueError):
    """No layout fits, or more than one; `problem` tells what was found and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text())
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes before suppression: n x 4 corners in pixels of the model's input, n scores, n classes."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def find_layout(shapes: Sequence[Shape], classes: int, wanted: LayoutName | Literal["auto"]) -> Layout:
    """Tell which layout outputs of these shapes have; `classes` is the number of labels, 0 where unknown.

    Raises LayoutUnknownError when none fits or several do.
    """
    if not classes and any(len(shape) == 4 for shape in shapes):
        raise LayoutUnknownError(
            Problem(
                "this looks like a segmentation model: one of its outputs holds masks",
                field="layout",
                found="outputs " + ", ".join(shape_text(shape) for shape in shapes),
                allowed="a detection model",
                hint="Export a detector, or give 'labels' the names of the model's classes if it is one.",
            )
        )
    candidates = [
        layout
        for index, shape in enumerate(shapes)
        if len(shape) == 3 and shape[0] in (None, 1)
        for layout in _layouts(index, shape, classes, wanted)
    ]
    if len(candidates) == 1:
        return candidates[0]
    found = "outputs " + ", ".join(shape_text(shape) for shape in shapes)
    if classes:
        found += f" with {classes} labels"
    if not candidates:
        message = "the model's outputs have no known detection layout"
        if wanted != "auto":
            message = f"the model's outputs do not have the layout '{wanted}'"
        hint = "Choose a detection model, give the labels it was trained with, or set 'layout'."
        raise LayoutUnknownError(Problem(message, field="layout", found=found, allowed=_ALLOWED, hint=hint))
    names = list(dict.fromkeys(layout.name for layout in candidates))
    if len(names) == 1:
        message, hint = "the model has more than one detection output", "Export it with one."
        if len({layout.index for layout in candidates}) == 1:
            message = "the model's output can be read in two ways"
            hint = "Give 'labels' the names of the model's classes."
    else:
        message = "the model's output fits more than one detection layout"
        hint = f"Set 'layout' to the model's own: {' or '.join(names)}."
    raise LayoutUnknownError(Problem(message, field="layout", found=found, allowed=_ALLOWED, hint=hint))


def _layouts(index: int, shape: Shape, classes: int, wanted: str) -> list[Layout]:
    """Return every layout that one output of shape (1, `rows`, `columns`) may have."""
    _, rows, columns = shape
    found: list[Layout] = []
    if wanted in ("auto", "yolov8"):
        found += [
            Layout("yolov8", index, channels_first)
            for channels, anchors, channels_first in ((rows, columns, True), (columns, rows, False))
            if _fits(channels, anchors, classes, 4)
        ]
    if wanted in ("auto", "yolov5") and _fits(columns, rows, classes, 5):
        found.append(Layout("yolov5", index, False))
    if (columns == 6 and wanted in ("auto", "end2end")) or (columns is None and wanted == "end2end"):
        found.append(Layout("end2end", index, False))
    return found


def _fits(channels: int | None, anchors: int | None, classes: int, extra: int) -> bool:
    if channels is None:
        return False
    if classes:
        return channels == classes + extra
    # Without labels: every model has at least one class, and more anchors than channels.
    return channels > extra and (anchors is None or anchors > channels)


def decode(output: np.ndarray, layout: Layout, confidence: float) -> Candidates:
    """Read the boxes whose score is at least `confidence` out of one output (with its batch axis of 1).

    Each box has its best class (the first of equal ones). Boxes that are not finite are left out. Raises
    LayoutUnknownError for scores far above 1: what stands there are coordinates, as of a model for poses.
    """
    table = output[0]
    if layout.name == "end2end":
        rows = table[table[:, 4] >= confidence].astype(np.float32, copy=False)
        return _finite(rows[:, :4], rows[:, 4], rows[:, 5])
    if layout.name == "yolov8":
        channels = table if layout.channels_first else table.T
        likely = np.flatnonzero(channels[4:].max(axis=0) >= confidence)
        rows = channels[:, likely].T.astype(np.float32, copy=False)
        classes = rows[:, 4:].argmax(axis=1)
        return _finite(from_centres(rows), rows[np.arange(len(rows)), 4 + classes], classes)
    rows = table[table[:, 4] >= confidence].astype(np.float32, copy=False)
    classes = rows[:, 5:].argmax(axis=1)
    scores = rows[:, 4] * rows[np.arange(len(rows)), 5 + classes]
    strong = scores >= confidence
    return _finite(from_centres(rows[strong]), scores[strong], classes[strong])


def _finite(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> Candidates:
    sound = np.isfinite(boxes).all(axis=1) & np.isfinite(scores) & np.isfinite(classes)
    if not sound.all():
        boxes, scores, classes = boxes[sound], scores[sound], classes[sound]
    if scores.size and float(scores.max()) > _MOST_SCORE:
        raise LayoutUnknownError(
            Problem(
                "the model's scores are no probabilities",
                field="layout",
                found=f"a score of {float(scores.max()):.4g}",
                allowed="0 to 1",
                hint="Use a plain detector (not one for poses or masks), and give 'labels' its classes' names.",
            )
        )
    return Candidates(boxes, scores, classes)
