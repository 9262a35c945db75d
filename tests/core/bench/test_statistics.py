"""The interval of a speedup: its coverage, its symmetry, and the references it is checked against."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster4npu.core.bench.legs import Leg, Window
from cluster4npu.core.bench.statistics import agree, bootstrap_speedup, drift, student_t, unstable


def leg(rate: float, seconds: float = 3.0, rng: np.random.Generator | None = None, noise: float = 0.0) -> Leg:
    """Return a leg of frames at this rate, whose gaps have this noise."""
    count = max(2, int(rate * seconds))
    gaps = np.full(count, 1 / rate)
    if rng is not None:
        gaps *= np.exp(rng.normal(0, noise, count))
    at = np.cumsum(gaps)
    flat = np.ones(count)
    return Leg(0, int(at[-1] * 1e9), at, flat, flat, np.zeros(count, dtype=np.int64), at)


# t quantiles at 97.5%: any table of the distribution, for example NIST's.
@pytest.mark.parametrize(
    ("freedom", "value"), [(4, 2.7764), (5, 2.5706), (9, 2.2622), (30, 2.0423), (1000, 1.9623)]
)
def test_student_t_as_in_the_tables(freedom: int, value: float) -> None:
    assert student_t(freedom) == pytest.approx(value, rel=1e-3)


def test_without_noise_the_interval_is_a_point() -> None:
    found = bootstrap_speedup([(leg(50), leg(100))] * 5)
    assert found.ratio == pytest.approx(2.0)
    assert (found.low, found.high) == pytest.approx((2.0, 2.0))
    assert found.pairs == pytest.approx((2.0,) * 5)


def test_noise_between_pairs_gives_the_t_interval() -> None:
    """For normal data the widened bootstrap is the t interval of the mean log ratio, to be had in closed form."""
    rng = np.random.default_rng(3)
    logs = rng.normal(0.5, 0.05, 10)
    pairs = [(leg(1000.0), leg(1000.0 * math.exp(value), 3.0 / math.exp(value))) for value in logs]
    found = bootstrap_speedup(pairs, seed=1)
    logs = np.log(found.pairs)
    half = 2.2622 * logs.std(ddof=1) / math.sqrt(10)
    assert math.log(found.low) == pytest.approx(logs.mean() - half, abs=0.15 * half)
    assert math.log(found.high) == pytest.approx(logs.mean() + half, abs=0.15 * half)


def test_the_same_seed_gives_the_same_interval() -> None:
    rng = np.random.default_rng(0)
    pairs = [(leg(50, 3, rng, 0.2), leg(60, 3, rng, 0.2)) for _ in range(5)]
    assert bootstrap_speedup(pairs, seed=7) == bootstrap_speedup(pairs, seed=7)
    assert bootstrap_speedup(pairs, seed=7) != bootstrap_speedup(pairs, seed=8)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 8), st.floats(0.0, 0.4), st.floats(0.2, 5.0), st.integers(0, 1000))
def test_the_ratio_lies_in_its_interval_and_turns_with_the_sides(
    count: int, noise: float, factor: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pairs = [(leg(100, 2, rng, noise), leg(100 * factor, 2, rng, noise)) for _ in range(count)]
    found = bootstrap_speedup(pairs, seed, resamples=1000)
    assert 0 < found.low <= found.ratio <= found.high
    turned = bootstrap_speedup([(b, a) for a, b in pairs], seed, resamples=1000)
    assert turned.ratio == pytest.approx(1 / found.ratio)


def test_equal_sides_rarely_differ_and_a_slower_one_is_caught() -> None:
    """The short form of the self-check: 100 comparisons of a device with itself, 100 with one 5% slower."""
    rng = np.random.default_rng(11)

    def side(rate: float) -> Leg:
        return leg(rate * math.exp(rng.normal(0, 0.008)), 3.0, rng, 0.1)

    false = caught = 0
    for seed in range(100):
        same = bootstrap_speedup([(side(50), side(50)) for _ in range(5)], seed, resamples=1000)
        slow = bootstrap_speedup([(side(50), side(47.5)) for _ in range(5)], seed, resamples=1000)
        false += same.verdict != "no gain"
        caught += slow.verdict == "slower"
    assert false <= 5
    assert caught >= 90


def test_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="two pairs"):
        bootstrap_speedup([(leg(50), leg(50))])
    empty = np.zeros(0)
    nothing = Leg(0, 10**9, empty, empty, empty, empty, empty)
    with pytest.raises(ValueError, match="frames"):
        bootstrap_speedup([(leg(50), nothing), (leg(50), leg(50))])


def test_windows_that_agree() -> None:
    assert agree([1.0, 100.0, 100.0, 110.0])
    assert not agree([100.0, 100.0, 111.0])
    assert not agree([100.0, 100.0])
    assert not agree([100.0, None, 100.0])
    assert not agree([0.0, 0.0, 0.0])


def test_what_is_unstable_is_named() -> None:
    steady = [Window(5, 50, 10), Window(5, 51, 10.5), Window(5, 49, 10)]
    assert unstable(steady) == ""
    assert unstable([*steady, Window(5, 70, 10)]) == "throughput"
    assert unstable([*steady, Window(5, 50, 12)]) == "latency"
    assert drift([Window(5, 50, 1), Window(5, 40, 1)]) == pytest.approx(-0.2)
    assert drift([]) == 0.0
