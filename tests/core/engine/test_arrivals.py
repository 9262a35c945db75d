"""Schedules of arrivals: their statistics, and that a seed gives the same one everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from cluster4npu.core.engine.arrivals import CAMERAS, POISSON, Arrivals
from cluster4npu.core.errors import InputError


def gaps(arrivals: Arrivals, seconds: float) -> np.ndarray:
    return np.diff(arrivals.schedule().until(seconds), prepend=0.0)


def test_even_ones_have_equal_gaps() -> None:
    assert np.allclose(gaps(Arrivals(50.0), 2.0)[1:], 0.02)


def test_random_ones_have_exponential_gaps() -> None:
    found = gaps(Arrivals(1000.0, POISSON, seed=3), 20.0)
    assert found.mean() == pytest.approx(1e-3, rel=0.03)
    assert found.std() == pytest.approx(1e-3, rel=0.05)
    assert np.median(found) == pytest.approx(1e-3 * np.log(2), rel=0.05)


def test_a_seed_gives_one_series_and_another_seed_another() -> None:
    first = Arrivals(100.0, POISSON, seed=1).schedule().until(3.0)
    assert np.array_equal(first, Arrivals(100.0, POISSON, seed=1).schedule().until(3.0))
    assert not np.array_equal(first[:50], Arrivals(100.0, POISSON, seed=2).schedule().until(3.0)[:50])


def test_what_a_seed_means_never_changes() -> None:
    """Results that were stored are compared with new ones on the same series."""
    times = Arrivals(100.0, POISSON, seed=1).schedule().until(0.05)
    assert times[:3].round(6).tolist() == [0.005669, 0.012332, 0.030448]


def test_cameras_are_even_each_and_begin_apart() -> None:
    arrivals = Arrivals(60.0, CAMERAS, streams=4, seed=5)
    times = arrivals.schedule().until(4.0)
    assert (np.diff(times) >= 0).all()
    for camera in range(4):
        assert np.allclose(np.diff(times[camera::4]), 4 / 60.0)
    assert len({round(float(times[camera]), 6) for camera in range(4)}) == 4


def test_impossible_arrivals_are_refused() -> None:
    for wrong in ({"fps": 0.0}, {"fps": 5.0, "kind": "sometimes"}, {"fps": 5.0, "streams": 0}):
        with pytest.raises(InputError):
            Arrivals(**wrong)  # type: ignore[arg-type]
