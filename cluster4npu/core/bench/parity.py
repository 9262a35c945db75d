"""Same answers first: whether a device gives the reference device's results on the same frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.precision import asked
from cluster4npu.core.engine.messages import Result
from cluster4npu.core.nodes.values import Classes, Detections, Outputs, Value
from cluster4npu.core.vision.boxes import pairwise_iou

BOXES_MATCHED = 0.95  # at IoU 0.5, of the same class
TOP1_SAME = 0.99
OUTPUTS_SAME = 0.99  # of the frames
# Root mean square of the difference over that of the reference, by the precision of the coarser one.
OUTPUT_ERROR = {"fp32": 0.02, "fp16": 0.02, "bf16": 0.05, "int8": 0.1}
_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Parity:
    """How well one device agrees: `score` (None: there was nothing to compare) against the least that is `needed`."""

    device: str
    what: str  # boxes, top-1 classes, raw outputs, nothing
    score: float | None
    needed: float
    compared: int  # boxes, or frames

    @property
    def same(self) -> bool:
        """Tell whether the device agrees, as far as could be compared."""
        return self.score is None or self.score >= self.needed


def tolerance(device: str) -> float:
    """Return how far raw outputs of this device (an id) may be from the reference's, as `OUTPUT_ERROR` says."""
    return OUTPUT_ERROR.get(asked(DeviceId.parse(device)) or "fp32", OUTPUT_ERROR["fp32"])


def compare(device: str, reference: Sequence[Result], other: Sequence[Result]) -> list[Parity]:
    """Compare the results of two devices on the same frames, output by output (NODE.PORT)."""
    by_frame = {result.frame_id: result for result in other}
    keys = sorted({key for result in reference for key in result.values})
    found = []
    for key in keys:
        pairs = [
            (
                result.values[key],
                by_frame[result.frame_id].values.get(key) if result.frame_id in by_frame else None,
            )
            for result in reference
            if key in result.values
        ]
        found.append(_compare(device, pairs))
    return found


def _compare(device: str, pairs: Sequence[tuple[Value, Value | None]]) -> Parity:
    first = pairs[0][0]
    if isinstance(first, Detections):
        counted = [_matched(_rows(a), _rows(b)) for a, b in pairs]
        most = sum(total for _, total in counted)
        score = sum(hits for hits, _ in counted) / most if most else None
        return Parity(device, "boxes", score, BOXES_MATCHED, most)
    if isinstance(first, Classes):
        hits = [len(_rows(b)) > 0 and _rows(a)[0, 0] == _rows(b)[0, 0] for a, b in pairs if len(_rows(a))]
        return Parity(device, "top-1 classes", float(np.mean(hits)) if hits else None, TOP1_SAME, len(hits))
    allowed = tolerance(device)
    near = [_near(a, b, allowed) for a, b in pairs if isinstance(a, Outputs) and a.arrays]
    return Parity(device, "raw outputs", float(np.mean(near)) if near else None, OUTPUTS_SAME, len(near))


def _rows(value: Value | None) -> np.ndarray:
    return value.rows if isinstance(value, Detections | Classes) else np.zeros((0, 6), dtype=np.float32)


def _matched(ours: np.ndarray, theirs: np.ndarray) -> tuple[int, int]:
    """Return (pairs of boxes of one class with IoU >= 0.5, larger number of boxes), each box in one pair at most."""
    most = max(len(ours), len(theirs))
    if not len(ours) or not len(theirs):
        return 0, most
    overlap = pairwise_iou(ours[:, :4], theirs[:, :4])
    overlap[ours[:, 5][:, None] != theirs[:, 5][None, :]] = 0.0
    hits = 0
    for index in np.argsort(overlap, axis=None)[::-1]:
        row, column = np.unravel_index(index, overlap.shape)
        if overlap[row, column] < _IOU:
            if overlap.max() < _IOU:
                break
            continue
        hits += 1
        overlap[row, :] = 0.0
        overlap[:, column] = 0.0
    return hits, most


def _near(ours: Value, theirs: Value | None, allowed: float) -> bool:
    if not isinstance(ours, Outputs) or not isinstance(theirs, Outputs):
        return False
    if len(ours.arrays) != len(theirs.arrays):
        return False
    for a, b in zip(ours.arrays, theirs.arrays, strict=True):
        if a.shape != b.shape:
            return False
        size = float(np.sqrt(np.mean(np.square(a, dtype=np.float64)))) if a.size else 0.0
        error = float(np.sqrt(np.mean(np.square(a.astype(np.float64) - b)))) if a.size else 0.0
        if not error <= allowed * max(size, 1e-6):  # also refuses not-a-number
            return False
    return True
