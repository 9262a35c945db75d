"""Zones and lines: what lies inside, what crosses, and what is no outline."""

from __future__ import annotations

import numpy as np
import pytest

from cluster4npu.core.vision.outlines import checked, crosses, inside, points


def test_what_lies_in_a_concave_zone() -> None:
    zone = points("0,0 1,0 1,1 0.5,0.5 0,1")  # a notch from below
    places = np.array([[0.1, 0.5], [0.5, 0.9], [0.9, 0.5], [0.5, 0.2], [1.2, 0.5]])
    assert inside(zone, places).tolist() == [True, False, True, True, False]
    assert inside(zone, np.zeros((0, 2))).tolist() == []


@pytest.mark.parametrize(
    ("before", "after", "way"),
    [
        ((0.5, 0.4), (0.5, 0.6), 1),  # the line leads to the right, so below it is its right side
        ((0.5, 0.6), (0.5, 0.4), -1),
        ((0.5, 0.4), (0.6, 0.4), 0),
        ((0.95, 0.4), (0.95, 0.6), 0),  # beside its end
        ((0.5, 0.4), (0.5, 0.5), 1),  # onto the line: crossed, and not a second time from there
        ((0.5, 0.5), (0.5, 0.6), 0),
    ],
)
def test_what_crosses(before: tuple[float, float], after: tuple[float, float], way: int) -> None:
    start, end = points("0.1,0.5 0.9,0.5")
    assert crosses(start, end, np.array(before), np.array(after)) == way


@pytest.mark.parametrize(
    "text", ["", "0,0", "0,0 1", "0,0 2,1", "a,b c,d", "0,0 0,0", "nan,0 1,1", "0,0 1,1 1,0"]
)
def test_what_is_no_line(text: str) -> None:
    with pytest.raises(ValueError):
        checked(text, 2, 2)
