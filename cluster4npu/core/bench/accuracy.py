"""How right a detector is, where the truth of a clip is known: mean average precision at an overlap of 0.5."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import is_file, resolve_path
from cluster4npu.core.vision.boxes import pairwise_iou

MATCH_IOU = 0.5
# Average precision looks at all boxes, the unlikely ones too: a detector is asked for them while it is judged.
CONFIDENCE = 0.01
_MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The true boxes of a clip: for each frame n x 5, x1 y1 x2 y2 (pixels) and class index."""

    classes: tuple[str, ...]
    frames: tuple[np.ndarray, ...]


def truth_of(pipeline: PipelineConfig) -> Truth | None:
    """Return the truth that lies beside a pipeline's clip (clip.mp4: clip.json), or None where there is none."""
    for node in pipeline.nodes:
        path = node.params.get("path")
        if node.type == "video_file" and isinstance(path, str) and path:
            beside = resolve_path(path, pipeline.base).with_suffix(".json")
            if is_file(beside) and beside.stat().st_size <= _MOST_BYTES:
                return _read(beside)
    return None


def _read(path: Path) -> Truth | None:
    """Read {"classes": [name ...], "frames": [[[x1, y1, x2, y2, class] ...] ...]}; None for any other file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        frames = tuple(np.asarray(boxes, np.float64).reshape(-1, 5) for boxes in data["frames"])
        return Truth(tuple(str(name) for name in data["classes"]), frames)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def mean_average_precision(found: Mapping[int, np.ndarray], frames: Sequence[np.ndarray]) -> float | None:
    """Return the mean of `average_precision` over the classes that occur; None where no box is true.

    `found` holds n x 6 rows (x1 y1 x2 y2, score, class) by frame, `frames` the truth (n x 5) of every frame.
    """
    present = [boxes for boxes in frames if len(boxes)]
    if not present:
        return None
    classes = sorted({int(c) for boxes in present for c in boxes[:, 4]})
    return float(np.mean([average_precision(found, frames, wanted) for wanted in classes]))


def average_precision(found: Mapping[int, np.ndarray], frames: Sequence[np.ndarray], wanted: int) -> float:
    """Return the area under the precision envelope of one class (all-point interpolation, as in VOC 2010)."""
    truth = [boxes[boxes[:, 4] == wanted, :4] for boxes in frames]
    scored: list[tuple[float, bool]] = []
    for frame, boxes in enumerate(truth):
        rows = found.get(frame, np.zeros((0, 6)))
        scored += _hits(rows[rows[:, 5] == wanted], boxes)
    total = sum(len(boxes) for boxes in truth)
    hits = np.array([hit for _, hit in sorted(scored, key=lambda item: -item[0])], bool)
    recall = np.concatenate([[0.0], np.cumsum(hits) / total])
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope))


def _hits(rows: np.ndarray, boxes: np.ndarray) -> list[tuple[float, bool]]:
    """Return (score, whether it hits a true box that no better one has taken) for each row."""
    overlap = pairwise_iou(rows[:, :4], boxes)
    free = np.ones(len(boxes), bool)
    scored = []
    for index in np.argsort(-rows[:, 4], kind="stable"):
        best = np.where(free, overlap[index], 0.0)
        hit = bool(len(best) and best.max() >= MATCH_IOU)
        if hit:
            free[int(best.argmax())] = False
        scored.append((float(rows[index, 4]), hit))
    return scored
