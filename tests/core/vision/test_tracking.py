"""Tracks: numbers stay with things that move, cross, hide and come back."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.vision.tracking import NEW, BoxTracker


def rows(*boxes: tuple[float, float, float, float, int]) -> np.ndarray:
    """Return detections of these boxes: x, y, width, height, class."""
    return np.array([(x, y, x + w, y + h, 0.9, c) for x, y, w, h, c in boxes], np.float32).reshape(-1, 6)


def tracker(lost: int = 5, confirm: int = 1) -> BoxTracker:
    return BoxTracker(0.3, lost, confirm)


def test_one_thing_keeps_its_number_however_the_boxes_are_ordered() -> None:
    follow = tracker()
    rng = np.random.default_rng(3)
    for step in range(100):
        left, right = (10 + 3 * step, 20, 40, 30, 0), (400 - 3 * step, 200, 50, 60, 0)
        swap = rng.random() < 0.5
        ids = follow.update(rows(right, left) if swap else rows(left, right))
        assert ids.tolist() == ([2, 1] if swap and step else [1, 2] if not swap else ids.tolist())
        if step == 0 and swap:
            follow = tracker()
            follow.update(rows(left, right))


def test_two_that_cross_go_on_as_they_came() -> None:
    follow = tracker()
    for step in range(60):
        ids = follow.update(rows((10 + 8 * step, 100, 60, 40, 0), (490 - 8 * step, 112, 60, 40, 0)))
        assert ids.tolist() == [1, 2]


def test_what_hides_for_a_while_comes_back_with_its_number() -> None:
    follow = tracker(lost=10)
    for step in range(10):
        follow.update(rows((10 * step, 50, 40, 40, 0)))
    for _ in range(8):
        assert follow.update(rows()).tolist() == []
    assert follow.update(rows((180, 50, 40, 40, 0))).tolist() == [1]


def test_what_is_gone_for_too_long_is_another_thing() -> None:
    follow = tracker(lost=3)
    follow.update(rows((50, 50, 40, 40, 0)))
    for _ in range(4):
        follow.update(rows())
    assert follow.update(rows((50, 50, 40, 40, 0))).tolist() == [2]


def test_a_class_never_becomes_another() -> None:
    follow = tracker()
    assert follow.update(rows((50, 50, 40, 40, 0))).tolist() == [1]
    assert follow.update(rows((50, 50, 40, 40, 1))).tolist() == [2]


def test_a_number_comes_after_some_frames_in_a_row_and_flicker_uses_none_up() -> None:
    follow = tracker(confirm=3)
    seen = [follow.update(rows((50, 50, 40, 40, 0))).tolist() for _ in range(4)]
    assert seen == [[NEW], [NEW], [1], [1]]
    for _ in range(20):
        assert follow.update(rows((50, 50, 40, 40, 0), (300, 300, 40, 40, 0))).tolist() == [1, NEW]
        assert follow.update(rows((50, 50, 40, 40, 0))).tolist() == [1]
    follow.update(rows((50, 50, 40, 40, 0), (100, 300, 40, 40, 0)))
    follow.update(rows((50, 50, 40, 40, 0), (100, 300, 40, 40, 0)))
    assert follow.update(rows((50, 50, 40, 40, 0), (100, 300, 40, 40, 0))).tolist() == [1, 2]


def test_numbers_of_many_random_walks_are_kept() -> None:
    rng = np.random.default_rng(7)
    places = np.stack(np.meshgrid(np.arange(10), np.arange(5)), axis=-1).reshape(-1, 2) * 100.0 + 50
    speed = rng.uniform(-0.4, 0.4, places.shape)
    follow, first = tracker(), None
    for _ in range(100):
        places = places + speed + rng.normal(0, 0.5, places.shape)
        ids = follow.update(rows(*((x, y, 50, 50, 0) for x, y in places)))
        first = ids if first is None else first
        assert ids.tolist() == first.tolist()


def test_boxes_without_area_and_broken_ones_end_nothing() -> None:
    follow = tracker()
    odd = np.array([[5, 5, 5, 5, 0.5, 0], [9, 9, 1, 1, 0.5, 0]], np.float32)
    for _ in range(5):
        assert len(follow.update(odd)) == 2
