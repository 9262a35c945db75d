"""Labels of boxes hide each other only where a frame has no room for all of them."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from cluster4npu.ui.labels import place_labels

FRAME = (0.0, 0.0, 400.0, 300.0)


def overlapping(places: np.ndarray) -> int:
    return sum(bool((a[:2] < b[2:]).all() and (b[:2] < a[2:]).all()) for a, b in combinations(places, 2))


def test_labels_of_close_boxes_do_not_hide_each_other() -> None:
    boxes = np.array([[100, 100, 120, 140], [110, 98, 130, 138], [95, 105, 118, 150]], float)
    places = place_labels(boxes, np.full((3, 2), (50.0, 18.0)), FRAME)
    assert overlapping(places) == 0
    np.testing.assert_array_equal(places[0], [100, 82, 150, 100])  # the most important stands over its box


def test_labels_stay_on_the_frame() -> None:
    boxes = np.array([[-50, -50, 10, 5], [390, 290, 900, 900], [395, 0, 400, 300]], float)
    places = place_labels(boxes, np.full((3, 2), (60.0, 18.0)), FRAME)
    assert (places[:, :2] >= 0).all() and (places[:, 2] <= 400).all() and (places[:, 3] <= 300).all()
    assert overlapping(places) == 0


def test_every_label_has_a_place_where_there_is_no_room() -> None:
    boxes = np.full((300, 4), (100.0, 100.0, 110.0, 110.0))
    places = place_labels(boxes, np.full((300, 2), (60.0, 18.0)), FRAME)
    assert places.shape == (300, 4) and np.isfinite(places).all()
    assert overlapping(places[:3]) == 0


def test_no_boxes_no_labels() -> None:
    assert place_labels(np.empty((0, 4)), np.empty((0, 2)), FRAME).shape == (0, 4)
