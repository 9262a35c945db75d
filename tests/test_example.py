"""The example pipeline truly detects: its mAP@0.5 on the bundled clip, through the whole engine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cluster4npu import Engine, PipelineConfig, RunOptions
from cluster4npu.core.settings import assets_dir

LEAST_MAP = 0.90
EXAMPLE = Path(assets_dir()) / "example.json"


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Return the overlap of two boxes (x1, y1, x2, y2)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def average_precision(
    found: list[tuple[float, int, np.ndarray]], truth: dict[int, list[np.ndarray]]
) -> float:
    """Return the area under the precision envelope of one class, at an overlap of 0.5 (all-point, as in VOC 2010).

    `found` holds (score, frame, box); `truth` the true boxes by frame.
    """
    open_boxes = {frame: list(boxes) for frame, boxes in truth.items()}
    hits = []
    for _, frame, box in sorted(found, key=lambda f: -f[0]):
        overlaps = [iou(box, other) for other in open_boxes.get(frame, [])]
        best = int(np.argmax(overlaps)) if overlaps else -1
        hit = best >= 0 and overlaps[best] >= 0.5
        if hit:
            del open_boxes[frame][best]
        hits.append(hit)
    true_count = sum(map(len, truth.values()))
    recall = np.concatenate([[0.0], np.cumsum(hits) / true_count])
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope))


def mean_average_precision(results: dict[int, np.ndarray], frames: list[list[list[float]]]) -> float:
    """Return the mean over the classes that occur; `results` are n x 6 rows by frame."""
    classes = sorted({int(box[4]) for boxes in frames for box in boxes})
    scores = []
    for wanted in classes:
        truth = {f: [np.array(b[:4]) for b in boxes if b[4] == wanted] for f, boxes in enumerate(frames)}
        found = [(row[4], f, row[:4]) for f, rows in results.items() for row in rows if row[5] == wanted]
        scores.append(average_precision(found, truth))
    return float(np.mean(scores))


@pytest.fixture(scope="module")
def truth() -> dict:
    return json.loads((Path(assets_dir()) / "digits.json").read_text())


def test_the_example_detects_the_digits_of_its_clip(truth):
    config = PipelineConfig.open(EXAMPLE).with_params("detections", confidence=0.01)
    with Engine(config, RunOptions(results=True)) as run:
        results = {r.frame_id: r.values["detections.detections"].rows for r in run.results()}
        summary = run.wait()
        labels = run.started.labels["detections.detections"]
    assert summary.frames_out == len(truth["frames"]) == len(results)
    assert list(labels) == truth["classes"]
    assert mean_average_precision(results, truth["frames"]) >= LEAST_MAP


def test_the_measure_itself_can_fail(truth):
    perfect = {f: np.array([[*b[:4], 0.9, b[4]] for b in boxes]) for f, boxes in enumerate(truth["frames"])}
    shifted = {f: rows + np.array([80, 0, 80, 0, 0, 0]) for f, rows in perfect.items()}
    renamed = {f: np.column_stack([rows[:, :5], (rows[:, 5] + 1) % 10]) for f, rows in perfect.items()}
    assert mean_average_precision(perfect, truth["frames"]) == pytest.approx(1.0)
    assert mean_average_precision(shifted, truth["frames"]) < 0.2
    assert mean_average_precision(renamed, truth["frames"]) < 0.2
