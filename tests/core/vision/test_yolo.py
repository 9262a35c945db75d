"""Output layouts: each decoded as a plain loop decodes it, and told apart, or refused where two fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster4npu.core.vision.yolo import Layout, LayoutUnknownError, decode, find_layout

V8, V8_T = Layout("yolov8", 0, True), Layout("yolov8", 0, False)
V5, END = Layout("yolov5", 0, False), Layout("end2end", 0, False)


def reference(rows, layout: Layout, confidence: float):
    """Decode anchor by anchor in float64; `rows` are lists in the order x y w h [objectness] scores."""
    found = []
    for row in rows:
        values = [float(value) for value in row]
        if layout.name == "end2end":
            box, score, kind = values[:4], values[4], int(values[5])
        else:
            x, y, w, h = values[:4]
            box = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
            scores = values[4:]
            if layout.name == "yolov5":
                scores = [values[4] * value for value in values[5:]]
            score = max(scores)
            kind = scores.index(score)
        if score >= confidence:
            found.append((box, score, kind))
    return found


def as_output(table: np.ndarray, layout: Layout) -> np.ndarray:
    return np.ascontiguousarray(table.T if layout.channels_first else table)[None]


@settings(max_examples=150, deadline=None)
@given(
    layout=st.sampled_from([V8, V8_T, V5, END]),
    classes=st.integers(1, 12),
    anchors=st.integers(0, 40),
    confidence=st.floats(0.05, 0.95),
    dtype=st.sampled_from([np.float32, np.float16]),
    seed=st.integers(0, 10_000),
)
def test_decoding_equals_a_plain_loop(layout, classes, anchors, confidence, dtype, seed) -> None:
    rng = np.random.default_rng(seed)
    extra = {"yolov8": 4, "yolov5": 5}.get(layout.name, 0)
    table = rng.random((anchors, extra + classes if extra else 6)).astype(dtype)
    table[:, :4] = (table[:, :4] * 100).astype(dtype)
    if layout == END:
        table[:, 5] = rng.integers(0, classes, anchors)
    expected = reference(table, layout, confidence)
    # Scores that lie on the threshold may fall to either side.
    if any(abs(score - confidence) < 1e-3 for _, score, _ in reference(table, layout, 0.0)):
        return
    found = decode(as_output(table, layout), layout, confidence)
    assert found.classes.tolist() == [kind for _, _, kind in expected]
    np.testing.assert_allclose(found.scores, [score for _, score, _ in expected], rtol=1e-5)
    np.testing.assert_allclose(
        found.boxes, np.reshape([box for box, _, _ in expected], (-1, 4)), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("layout", [V8, V8_T, V5, END])
def test_what_is_not_finite_is_left_out(layout: Layout) -> None:
    table = np.full((4, 6 if layout == END else 8), 0.9, np.float32)
    table[1, 0], table[2, 4], table[3, 2] = np.nan, np.nan, np.inf
    found = decode(as_output(table, layout), layout, 0.5)
    assert np.isfinite(found.boxes).all()
    assert np.isfinite(found.scores).all()
    assert 1 <= len(found.boxes) <= 2  # a class may win by another score than the broken one


@pytest.mark.parametrize(
    ("shape", "classes", "layout"),
    [
        ((1, 84, 8400), 80, V8),
        ((1, 84, 8400), 0, V8),
        ((1, 14, 2100), 10, V8),
        ((1, 8400, 84), 80, V8_T),
        ((1, 25200, 85), 80, V5),
        ((1, 300, 6), 80, END),
        ((1, None, 6), 80, END),
        ((1, 84, None), 80, V8),
        ((None, None, 85), 80, V5),
        ((1, 5, 8400), 1, V8),
    ],
)
def test_layouts_are_told_apart(shape, classes, layout) -> None:
    assert find_layout([shape], classes, "auto") == layout


def test_the_detection_output_is_found_among_others() -> None:
    shapes = [(1, 3, 80, 80, 85), (1, 25200, 85), (1, 3, 40, 40, 85), (1, 3, 20, 20, 85)]
    assert find_layout(shapes, 80, "auto") == Layout("yolov5", 1, False)


@pytest.mark.parametrize(
    ("shape", "classes", "names"),
    [
        ((1, 25200, 85), 0, ("yolov8", "yolov5")),
        ((1, 25200, 6), 1, ("yolov5", "end2end")),
        ((1, 8400, 6), 2, ("yolov8", "end2end")),
        ((1, 300, 6), 0, ("yolov8", "yolov5", "end2end")),
    ],
)
def test_two_that_fit_are_refused_until_one_is_named(shape, classes, names) -> None:
    with pytest.raises(LayoutUnknownError) as caught:
        find_layout([shape], classes, "auto")
    problem = caught.value.problem
    assert problem.field == "layout"
    assert all(name in problem.hint for name in names)
    for name in names:
        assert find_layout([shape], classes, name).name == name


@pytest.mark.parametrize(
    ("shapes", "classes", "wanted"),
    [
        ([(1, 1000)], 0, "auto"),
        ([(1, 3, 20, 20, 85)], 80, "auto"),
        ([(1, 116, 8400), (1, 32, 160, 160)], 80, "auto"),
        ([(1, 116, 8400), (1, 32, 160, 160)], 0, "auto"),
        ([(1, 116, 8400), (1, 32, 160, 160)], 0, "yolov8"),
        ([(2, 84, 8400)], 80, "auto"),
        ([(1, 84, 8400)], 80, "end2end"),
        ([(1, 84, 8400)], 80, "yolov5"),
        ([(1, 300, 6)], 80, "yolov8"),
        ([], 80, "auto"),
    ],
)
def test_no_detector(shapes, classes, wanted) -> None:
    with pytest.raises(LayoutUnknownError) as caught:
        find_layout(shapes, classes, wanted)
    assert caught.value.problem.allowed
    assert caught.value.problem.hint


def test_coordinates_are_not_taken_for_scores() -> None:
    poses = np.full((1, 56, 2100), 200.0, np.float32)  # without labels the key points look like 52 classes
    with pytest.raises(LayoutUnknownError, match="no probabilities"):
        decode(poses, find_layout([poses.shape], 0, "auto"), 0.25)


def test_two_detection_outputs() -> None:
    with pytest.raises(LayoutUnknownError, match="more than one detection output"):
        find_layout([(1, 84, 8400), (1, 84, 2100)], 80, "auto")


def test_a_square_output_can_be_read_in_two_ways() -> None:
    with pytest.raises(LayoutUnknownError, match="two ways"):
        find_layout([(1, 84, 84)], 80, "yolov8")
