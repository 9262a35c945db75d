"""Boxes and classes from made-up outputs, on the source frame, and models that do not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster4npu.core.devices.null import NULL_MODEL
from cluster4npu.core.errors import InputError
from cluster4npu.core.nodes.values import Outputs
from cluster4npu.core.vision.letterbox import place
from tests.core.nodes.media import make

NAMES = ("cat", "dog", "tree")
GEOMETRY = place("letterbox", (480, 640), (320, 320)).geometry  # half the size, 40 rows of border above
DETECTOR = replace(NULL_MODEL, path="m.onnx", output_names=("o",), output_shapes=((1, 7, 9),), labels=NAMES)


def yolov8(*boxes: tuple[float, float, float, float, float, int]) -> np.ndarray:
    """Return a 1 x 7 x 9 output with these boxes (centre and size in the model's pixels, score, class)."""
    table = np.zeros((1, 7, 9), np.float32)
    for anchor, (x, y, w, h, score, kind) in enumerate(boxes):
        table[0, :4, anchor] = x, y, w, h
        table[0, 4 + kind, anchor] = score
    return table


def detect(output: np.ndarray, model=DETECTOR, geometry=GEOMETRY, **params) -> np.ndarray:
    node = make("detections", **params)
    node.bind(model)
    return node.process({"outputs": Outputs([output], geometry)})["detections"].rows


def test_boxes_are_told_in_pixels_of_the_frame_best_first() -> None:
    rows = detect(yolov8((100, 140, 20, 40, 0.5, 1), (200, 160, 10, 10, 0.9, 2)))
    np.testing.assert_allclose(rows, [[390, 230, 410, 250, 0.9, 2], [180, 160, 220, 240, 0.5, 1]], rtol=1e-6)
    assert rows.dtype == np.float32


def test_boxes_end_at_the_edges_and_those_outside_are_left_out() -> None:
    rows = detect(yolov8((0, 40, 40, 40, 0.9, 0), (160, 10, 20, 20, 0.8, 0)))
    np.testing.assert_allclose(rows, [[0, 0, 40, 40, 0.9, 0]], rtol=1e-6)


def test_weak_boxes_and_doubles_are_left_out() -> None:
    output = yolov8(
        (100, 140, 40, 40, 0.9, 0),
        (102, 141, 40, 40, 0.8, 0),
        (102, 141, 40, 40, 0.7, 1),
        (250, 140, 40, 40, 0.2, 0),
    )
    assert detect(output)[:, 4:].tolist() == pytest.approx(np.array([[0.9, 0], [0.7, 1]]))
    assert len(detect(output, confidence=0.1)) == 3
    assert len(detect(output, iou=0.95)) == 3
    assert len(detect(output, max_detections=1)) == 1


def test_without_geometry_boxes_stay_in_the_model() -> None:
    assert detect(yolov8((100, 140, 20, 40, 0.5, 1)), geometry=None)[0, :4].tolist() == [90, 120, 110, 160]


@settings(max_examples=60, deadline=None)
@given(
    fit=st.sampled_from(["letterbox", "stretch", "center_crop"]),
    frame=st.tuples(st.integers(50, 900), st.integers(50, 900)),
    centre=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
)
def test_a_box_drawn_on_the_frame_is_found_there(fit, frame, centre) -> None:
    geometry = place(fit, frame, (320, 320)).geometry
    x, y, w, h = 160 * (centre[0] + 0.5), 160 * (centre[1] + 0.5), 12.0, 8.0
    expected = [
        (x - w / 2 - geometry.pad_x) / geometry.scale_x,
        (y - h / 2 - geometry.pad_y) / geometry.scale_y,
        (x + w / 2 - geometry.pad_x) / geometry.scale_x,
        (y + h / 2 - geometry.pad_y) / geometry.scale_y,
    ]
    limits = np.array([frame[1], frame[0]] * 2)
    rows = detect(yolov8((x, y, w, h, 0.9, 0)), geometry=geometry)
    clipped = np.clip(expected, 0, limits)
    if (clipped[2:] - clipped[:2]).min() > 1e-3:
        np.testing.assert_allclose(rows[0, :4], clipped, rtol=1e-4, atol=1e-2)


def test_labels_come_from_the_node_or_the_model() -> None:
    node = make("detections", labels=("a", "b", "c"))
    node.bind(DETECTOR)
    assert node.labels == ("a", "b", "c")
    node = make("detections")
    node.bind(DETECTOR)
    assert node.labels == NAMES


@pytest.mark.parametrize("shapes", [((1, 1000),), ((1, 9, 9),), ((1, 3, 20, 20, 85),)])
def test_a_model_that_is_no_detector_is_refused_when_it_is_bound(shapes) -> None:
    node = make("detections")
    with pytest.raises(InputError) as caught:
        node.bind(replace(DETECTOR, output_shapes=shapes))
    (problem,) = caught.value.problems
    assert (problem.node, problem.field) == ("mine", "layout")
    assert problem.found
    assert problem.allowed
    assert problem.hint


def test_open_shapes_are_settled_at_the_first_frame() -> None:
    model = replace(DETECTOR, output_shapes=((None, None, None),))
    assert len(detect(yolov8((100, 140, 20, 40, 0.5, 1)), model)) == 1
    with pytest.raises(InputError, match="mine"):
        detect(np.zeros((1, 1000), np.float32), model)


CLASSIFIER = replace(NULL_MODEL, path="m.onnx", output_names=("o",), output_shapes=((1, 3),), labels=NAMES)


def classify(scores, model=CLASSIFIER, **params) -> list[list[float]]:
    node = make("classify", **params)
    node.bind(model)
    return node.process({"outputs": Outputs([np.array(scores, np.float32)])})["classes"].rows.tolist()


def test_classes_best_first() -> None:
    found = classify([[1.0, 3.0, 2.0]])
    assert [row[0] for row in found] == [1, 2, 0]
    powers = np.exp([3.0, 2.0, 1.0])
    np.testing.assert_allclose([row[1] for row in found], powers / powers.sum(), rtol=1e-5)
    assert len(classify([[1.0, 3.0, 2.0]], top_k=2)) == 2
    assert len(classify([[1.0, 3.0, 2.0]], top_k=100)) == 3


def test_probabilities_are_left_as_they_are() -> None:
    assert classify([[0.25, 0.5, 0.25]])[0] == [1, 0.5]
    assert classify([[0.25, 0.5, 0.25]], softmax="yes")[0][1] == pytest.approx(0.391, abs=1e-3)
    assert classify([[1.0, 3.0, 2.0]], softmax="no")[0] == [1, 3]


def test_large_scores_and_trailing_axes() -> None:
    model = replace(CLASSIFIER, output_shapes=((1, 3, 1, 1),))
    found = classify(np.array([1000.0, -1000.0, 0.0]).reshape(1, 3, 1, 1), model)
    assert found[0] == [0, 1]


@pytest.mark.parametrize("shape", [(1, 3, 20, 20), (1, 84, 8400), (3,), (2, 3)])
def test_a_model_that_is_no_classifier_is_refused_when_it_is_bound(shape) -> None:
    with pytest.raises(InputError) as caught:
        make("classify").bind(replace(CLASSIFIER, output_shapes=(shape,)))
    assert caught.value.problems[0].node == "mine"
    assert "classifier" in caught.value.problems[0].message


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        make("classify", labels=("one", "two")).bind(CLASSIFIER)
    assert caught.value.problems[0].field == "labels"
    assert "3 labels" in caught.value.problems[0].allowed


def test_equal_scores_keep_the_order_of_the_classes() -> None:
    assert [row[0] for row in classify([[0.2, 0.4, 0.4]])] == [1, 2, 0]
