"""The best allocation equals that of trying every one, for up to 6 devices and 4 stages."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster4npu.core.devices.optimum import best_allocation

RATES = st.integers(1, 4).flatmap(
    lambda stages: st.integers(1, 6).flatmap(
        lambda devices: st.lists(
            st.lists(st.integers(0, 40), min_size=devices, max_size=devices),
            min_size=stages,
            max_size=stages,
        )
    )
)


def table(rows: list[list[int]]) -> dict[str, dict[str, float]]:
    return {f"s{i}": {f"d{j}": float(rate) for j, rate in enumerate(row)} for i, row in enumerate(rows)}


def by_force(rows: list[list[int]]) -> float:
    """Try every stage, or none, for every device."""
    best = 0
    for places in product(range(-1, len(rows)), repeat=len(rows[0])):
        sums = [0] * len(rows)
        for device, stage in enumerate(places):
            if stage >= 0:
                sums[stage] += rows[stage][device]
        best = max(best, min(sums))
    return float(best)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(RATES)
def test_it_is_the_optimum(rows: list[list[int]]) -> None:
    rates, wanted = table(rows), by_force(rows)
    found = best_allocation(rates)
    if found is None:
        assert wanted == 0
        return
    assert found.exact and found.fps == wanted
    used = [device for devices in found.stages.values() for device in devices]
    assert len(set(used)) == len(used)
    assert min(sum(rates[s][d] for d in devices) for s, devices in found.stages.items()) == wanted
    turns = {stage: used[i :: len(rates)] for i, stage in enumerate(rates)}  # round robin
    assert found.fps >= min(sum(rates[s].get(d, 0) for d in devices) for s, devices in turns.items())


@pytest.mark.soak
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
@given(RATES)
def test_it_is_the_optimum_at_length(rows: list[list[int]]) -> None:
    found = best_allocation(table(rows))
    assert (found.fps if found else 0.0) == by_force(rows)


def test_no_more_devices_than_help() -> None:
    rates = {"detect": {"npu": 50.0, "cpu": 5.0}, "classify": {"npu": 60.0, "cpu": 20.0, "gpu": 20.0}}
    found = best_allocation(rates)
    assert found is not None
    assert found.stages == {"detect": ("npu",), "classify": ("cpu", "gpu")} and found.fps == 40.0
    one = best_allocation({"only": {"a": 10.0, "b": 0.0}})
    assert one is not None and one.stages == {"only": ("a",)}


def test_more_stages_than_devices_is_told() -> None:
    assert best_allocation({"a": {"x": 1.0}, "b": {"x": 1.0}}) is None
    assert best_allocation({}) is None


def test_a_large_table_still_gets_an_answer() -> None:
    rates = {f"s{i}": {f"d{j}": 10.0 + (7 * i + 3 * j) % 11 for j in range(16)} for i in range(5)}
    found = best_allocation(rates)
    assert found is not None and found.fps >= 30.0
