"""What is behind a chart: bounded, and reduced to what can be seen without losing a peak."""

from __future__ import annotations

import numpy as np
import pytest

from cluster4npu.ui.dashboard.series import CAPACITY, SeriesStore


def filled(count: int, capacity: int = CAPACITY) -> SeriesStore:
    store = SeriesStore(1, capacity)
    store.extend(np.arange(count, dtype=float), np.zeros((1, count), np.float32))
    return store


def test_few_points_are_handed_out_as_they_are() -> None:
    store = SeriesStore(2)
    store.append(0.0, (1.0, None))
    store.append(1.0, (2.0, 5.0))
    times, values = store.seen(0.0, 1.0, 100)
    assert times.tolist() == [0.0, 1.0]
    np.testing.assert_array_equal(values, np.array([[1.0, 2.0], [np.nan, 5.0]], np.float32))


@pytest.mark.parametrize("count", [10_000, 1_000_000])
def test_no_peak_is_lost_and_little_is_drawn(count: int) -> None:
    store = filled(count)
    store._values[0, count // 3] = 9.0
    store._values[0, count // 2] = -4.0
    store._least[0, count // 2 // 256] = -4.0
    store._greatest[0, count // 3 // 256] = 9.0
    times, values = store.seen(0.0, float(count), 800)
    assert values.shape[1] == len(times) <= 2 * 2 * 800
    assert (values.max(), values.min()) == (9.0, -4.0)
    assert (np.diff(times) >= 0).all()


def test_memory_is_bounded_and_the_oldest_goes() -> None:
    store = filled(4096, capacity=4096)
    full = store.nbytes
    for number in range(4096, 20_000):
        store.append(float(number), (float(number),))
    assert store.nbytes == full
    assert store.times[-1] == store.values[0, -1] == 19_999.0
    assert store.count <= 4096
    _times, values = store.seen(0.0, 20_000.0, 10)
    assert values.max() >= 19_900  # the blocks have moved with their points


def test_an_hour_of_snapshots_is_small() -> None:
    store = filled(4 * 3600)
    assert store.nbytes < 1_000_000


def test_a_million_points_of_three_lines_stay_below_24_mb() -> None:
    store = SeriesStore(3)
    store.extend(np.arange(2e6), np.zeros((3, 2_000_000), np.float32))
    assert store.count <= CAPACITY
    assert store.nbytes < 24e6
