"""A device that slows the others down is named with the reason; one that helps a little is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster4npu.core.scheduling.harm import Rates, harmful


def test_helpful_devices_are_kept():
    assert harmful([Rates("a", 50, 50), Rates("b", 20, 20), Rates("c", 10, 10)], 64) is None
    assert harmful([Rates("fast", 50, 50), Rates("slow", 2.5, 2.5)], 64) is None


def test_one_device_is_never_left_out():
    assert harmful([Rates("a", 1, 0.001)], 2) is None


def test_a_device_too_slow_for_the_ring_is_named():
    found = harmful([Rates("fast", 50, 50), Rates("slow", 0.5, 0.5)], 64)
    assert found is not None and found[0] == "slow"
    assert "2000 ms" in found[1] and "31.5 instead of 50.0" in found[1]


def test_devices_that_take_from_each_other():
    found = harmful([Rates("gpu", 100, 60), Rates("cpu", 30, 20)], 64)
    assert found is not None and found[0] == "cpu" and "gpu alone 100.0" in found[1]


@pytest.mark.parametrize("slots", [8, 64])
@given(rates=st.lists(st.floats(0.01, 1000), min_size=2, max_size=6))
def test_what_is_left_is_never_slower_than_the_best_alone(slots, rates):
    kept = [Rates(str(i), r, r) for i, r in enumerate(rates)]
    while (found := harmful(kept, slots)) is not None:
        kept = [r for r in kept if r.id != found[0]]
    total = sum(r.together for r in kept)
    possible = min(total, (slots - 1) * min(r.together for r in kept)) if len(kept) > 1 else total
    assert possible >= 0.95 * max(rates) * (1 - 1e-9)
