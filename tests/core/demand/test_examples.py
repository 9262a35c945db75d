"""The example in the package's docstring runs."""

from __future__ import annotations

import doctest

import cluster4npu.core.demand as demand


def test_the_docstring_tells_the_truth() -> None:
    assert doctest.testmod(demand).attempted >= 4
    assert doctest.testmod(demand).failed == 0
