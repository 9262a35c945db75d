"""Suppression and overlap against a plain reference with exact fractions of boxes on a grid."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster4npu.core.vision.boxes import area, from_centres, iou
from cluster4npu.core.vision.nms import per_class_nms

# Corners and scores on a coarse grid: ties, doubles and boxes without area are common.
CORNER = st.integers(0, 8)
BOX = st.tuples(CORNER, CORNER, CORNER, CORNER)
ROW = st.tuples(BOX, st.integers(1, 6), st.integers(0, 2))


def exact_iou(a: tuple[int, ...], b: tuple[int, ...]) -> Fraction:
    def size(box: tuple[int, ...]) -> int:
        return max(0, box[2] - box[0]) * max(0, box[3] - box[1])

    both = size((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    union = size(a) + size(b) - both
    return Fraction(both, union) if union else Fraction(0)


def reference(rows, threshold: Fraction, limit: int) -> list[int]:
    """Walk through the boxes from best to worst and keep each that no kept one of its class covers too much."""
    kept: list[int] = []
    for index in sorted(range(len(rows)), key=lambda i: (-rows[i][1], i)):
        box, _, kind = rows[index]
        if all(rows[k][2] != kind or exact_iou(rows[k][0], box) <= threshold for k in kept):
            kept.append(index)
    return kept[:limit]


def run(rows, threshold: float, limit: int = 300) -> list[int]:
    boxes = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
    scores = np.array([row[1] for row in rows], np.float32) / 6
    classes = np.array([row[2] for row in rows], np.float32)
    return per_class_nms(boxes, scores, classes, threshold=threshold, limit=limit).tolist()


@settings(max_examples=400, deadline=None)
@given(
    rows=st.lists(ROW, max_size=40),
    # No fraction of the grid lies on these thresholds, so that rounding cannot decide.
    threshold=st.sampled_from([0.0, 0.211, 0.4503, 0.7001, 1.0]),
    limit=st.integers(1, 40),
)
def test_equals_the_reference(rows, threshold, limit) -> None:
    assert run(rows, threshold, limit) == reference(rows, Fraction(threshold), limit)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(ROW, max_size=40))
def test_classes_do_not_touch_each_other(rows) -> None:
    together = run(rows, 0.45)
    for kind in range(3):
        places = [index for index, row in enumerate(rows) if row[2] == kind]
        alone = [places[index] for index in run([rows[index] for index in places], 0.45)]
        assert [index for index in together if rows[index][2] == kind] == alone


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(ROW, max_size=40))
def test_best_first_and_no_two_overlap(rows) -> None:
    kept = run(rows, 0.45)
    scores = [rows[index][1] for index in kept]
    assert scores == sorted(scores, reverse=True)
    for position, index in enumerate(kept):
        for other in kept[:position]:
            if rows[index][2] == rows[other][2]:
                assert exact_iou(rows[index][0], rows[other][0]) <= Fraction(0.45)


@settings(max_examples=200, deadline=None)
@given(box=BOX, boxes=st.lists(BOX, min_size=1, max_size=20))
def test_iou_equals_exact_fractions(box, boxes) -> None:
    found = iou(np.array(box, np.float32), np.array(boxes, np.float32))
    np.testing.assert_allclose(found, [float(exact_iou(box, other)) for other in boxes], atol=1e-6)


def test_nothing_gives_nothing() -> None:
    assert run([], 0.5) == []


def test_many_boxes_stop_at_the_limit() -> None:
    rng = np.random.default_rng(0)
    corners = rng.random((5000, 2)) * 10_000
    boxes = np.concatenate([corners, corners + 3], axis=1).astype(np.float32)
    scores = rng.random(5000).astype(np.float32)
    kept = per_class_nms(boxes, scores, np.zeros(5000), threshold=0.5, limit=300)
    assert len(kept) == 300
    assert np.all(np.diff(scores[kept]) <= 0)


def test_centres_become_corners() -> None:
    corners = from_centres(np.array([[10.0, 20.0, 4.0, 6.0]]))
    assert corners.tolist() == [[8, 17, 12, 23]]
    assert area(corners).tolist() == [24]
