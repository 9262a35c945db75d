"""Whether two devices give the same answers."""

from __future__ import annotations

import numpy as np
import pytest

from cluster4npu.core.bench.parity import compare
from cluster4npu.core.engine.messages import Result
from cluster4npu.core.nodes.values import Classes, Detections, Outputs, Value
from cluster4npu.core.vision.boxes import pairwise_iou


def results(*values: Value) -> list[Result]:
    return [Result(i, "d", 1.0, None, {"post.out": value}) for i, value in enumerate(values)]


def boxes(*rows: tuple[float, ...]) -> Detections:
    return Detections(np.array(rows, dtype=np.float32).reshape(-1, 6))


A = (0.0, 0.0, 10.0, 10.0, 0.9, 1.0)
B = (100.0, 100.0, 150.0, 180.0, 0.8, 2.0)


def test_iou_against_counting_pixels() -> None:
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 20, (20, 2, 2))
    a = np.concatenate([corners.min(axis=1), corners.max(axis=1) + 1], axis=1).astype(float)
    grid = np.zeros((20, 24, 24), dtype=bool)
    for n, (x1, y1, x2, y2) in enumerate(a.astype(int)):
        grid[n, y1:y2, x1:x2] = True
    expected = [[(p & q).sum() / (p | q).sum() for q in grid] for p in grid]
    assert pairwise_iou(a, a) == pytest.approx(np.array(expected))


def test_the_same_boxes_in_another_order_agree() -> None:
    moved = (1.0, 0.0, 11.0, 10.0, 0.5, 1.0)
    (check,) = compare("onnx:cpu", results(boxes(A, B)), results(boxes(B, moved)))
    assert (check.what, check.score, check.compared, check.same) == ("boxes", 1.0, 2, True)


@pytest.mark.parametrize(
    "other",
    [
        boxes(A),  # one is missing
        boxes(A, B, (50, 50, 60, 60, 0.9, 1)),  # one too many
        boxes(A, (*B[:5], 3.0)),  # another class
        boxes(A, (140.0, 100.0, 190.0, 180.0, 0.8, 2.0)),  # elsewhere
        boxes(A, A),  # one box cannot match two
        boxes(),
    ],
)
def test_other_boxes_do_not_agree(other: Detections) -> None:
    (check,) = compare("onnx:cpu", results(boxes(A, B)), results(other))
    assert not check.same


def test_19_of_20_boxes_are_enough() -> None:
    many = [
        boxes(*(((i * 20.0, j * 20.0, i * 20.0 + 9, j * 20.0 + 9, 0.9, 1.0)) for j in range(5)))
        for i in range(4)
    ]
    other = [*many[:-1], Detections(many[-1].rows[:-1])]
    (check,) = compare("onnx:cpu", results(*many), results(*other))
    assert check.score == pytest.approx(0.95)
    assert check.same


def test_empty_frames_say_nothing() -> None:
    (check,) = compare("onnx:cpu", results(boxes(), boxes()), results(boxes(), boxes()))
    assert check.score is None
    assert check.same


def test_classes_by_the_first_one() -> None:
    first = [Classes(np.array([[i % 3, 0.9], [5, 0.1]], dtype=np.float32)) for i in range(100)]
    other = [Classes(c.rows.copy()) for c in first]
    other[0].rows[0, 0] = 7
    assert compare("onnx:cpu", results(*first), results(*other))[0].same
    other[1].rows[0, 0] = 7
    assert not compare("onnx:cpu", results(*first), results(*other))[0].same


def test_raw_outputs_within_tolerance() -> None:
    rng = np.random.default_rng(0)
    first = [Outputs([rng.normal(size=(1, 8)).astype(np.float32)]) for _ in range(4)]
    near = [Outputs([o.arrays[0] * 1.001]) for o in first]
    far = [Outputs([o.arrays[0] * 1.1]) for o in first]
    bad = [Outputs([np.full_like(o.arrays[0], np.nan)]) for o in first]
    shape = [Outputs([o.arrays[0][:, :4]]) for o in first]
    assert compare("onnx:cpu", results(*first), results(*near))[0].same
    for other in (far, bad, shape):
        assert not compare("onnx:cpu", results(*first), results(*other))[0].same


def test_an_int8_device_may_be_further_off() -> None:
    first = [Outputs([np.linspace(1, 2, 8, dtype=np.float32)])]
    near = [Outputs([first[0].arrays[0] * 1.05])]
    assert not compare("onnx:cpu", results(*first), results(*near))[0].same
    assert compare("onnx:cpu?precision=int8", results(*first), results(*near))[0].same


def test_missing_frames_do_not_agree() -> None:
    (check,) = compare("onnx:cpu", results(boxes(A), boxes(B)), results(boxes(A)))
    assert check.score == 0.5
