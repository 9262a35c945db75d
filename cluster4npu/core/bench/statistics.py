"""How sure a speedup is: the bootstrap interval of paired legs, and whether windows agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from cluster4npu.core.bench.legs import Leg, Window, block_rates
from cluster4npu.core.bench.result import Speedup

RESAMPLES = 10_000
AGREEMENT = 1.10  # max/min of windows that agree
DRIFT = 0.10
_BLOCKS = 6  # parts of a leg that are drawn anew within it
_CHUNK = 1000


def bootstrap_speedup(pairs: Sequence[tuple[Leg, Leg]], seed: int = 0, resamples: int = RESAMPLES) -> Speedup:
    """Return parallel over baseline with a 95% interval, from pairs (baseline leg, parallel leg).

    The ratio is that of the whole rates (all frames over all counted time). For the interval, pairs are drawn
    with replacement, and in each drawn leg its parts of equal length: noise between legs and within them both
    widen it. The figure that is drawn is the mean of the pairs' log ratios, so that neither direction is
    favoured.

    The percentile bootstrap of n values is too narrow by sqrt((n-1)/n) and by z/t(n-1), which for five pairs
    means a false alarm in one of seven A/A runs and not in one of twenty. Deviations are therefore widened by
    the inverse of both (T. Hesterberg, What Teachers Should Know About the Bootstrap, 2015, section 3.2),
    which makes the interval of normal data the t interval. Raises ValueError for less than two pairs, or a
    leg without frames.
    """
    count = len(pairs)
    if count < 2 or any(leg.frames == 0 for pair in pairs for leg in pair):
        raise ValueError("an interval needs two pairs at least, and frames in every leg")
    base = np.stack([_blocks(a) for a, _ in pairs])
    together = np.stack([_blocks(b) for _, b in pairs])
    ratios = [b.fps / a.fps for a, b in pairs]
    center = float(np.mean(np.log(ratios)))
    rng = np.random.default_rng(seed)
    draws = np.concatenate(
        [_draw(base, together, rng, min(_CHUNK, resamples - done)) for done in range(0, resamples, _CHUNK)]
    )
    widen = math.sqrt(count / (count - 1)) * student_t(count - 1) / NormalDist().inv_cdf(0.975)
    low, high = (center + widen * (float(q) - center) for q in np.percentile(draws, [2.5, 97.5]))
    total = _rate([b for _, b in pairs]) / _rate([a for a, _ in pairs])
    return Speedup(
        total, min(math.exp(low), total), max(math.exp(high), total), tuple(float(ratio) for ratio in ratios)
    )


def _blocks(leg: Leg) -> np.ndarray:
    """Return the rates of a leg's parts, scaled to its own; all equal where too few frames could tell more."""
    rates = block_rates(leg, _BLOCKS)
    if leg.frames < 4 * _BLOCKS or rates.min() <= 0:
        return np.full(_BLOCKS, leg.fps)
    return rates * (leg.fps / float(rates.mean()))


def _draw(base: np.ndarray, together: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Return `size` drawn means of log ratios; `base` and `together` are pairs x blocks of rates."""
    count, blocks = base.shape
    chosen = rng.integers(count, size=(size, count))
    rates = []
    for side in (base, together):
        parts = rng.integers(blocks, size=(size, count, blocks))
        rates.append(side[chosen[:, :, None], parts].mean(axis=2))
    drawn: np.ndarray = np.log(rates[1] / rates[0]).mean(axis=1)
    return drawn


def _rate(legs: Sequence[Leg]) -> float:
    return sum(leg.frames for leg in legs) / sum(leg.seconds for leg in legs)


def student_t(freedom: int, level: float = 0.975) -> float:
    """Return the quantile of Student's t: for 1 and 2 degrees of freedom exact, else by the Cornish-Fisher expansion,
    which is within 0.3% from 4 on and 1% at 3.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    if freedom == 1:
        return math.tan(math.pi * (level - 0.5))
    if freedom == 2:
        return (2 * level - 1) / math.sqrt(2 * level * (1 - level))
    z = NormalDist().inv_cdf(level)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))


def agree(values: Sequence[float | None], limit: float = AGREEMENT) -> bool:
    """Tell whether the last three values lie within max/min <= `limit` of each other."""
    last = [value for value in values[-3:] if value is not None]
    return len(last) == 3 and min(last) > 0 and max(last) / min(last) <= limit


def unstable(side: Sequence[Window]) -> str:
    """Return what does not agree in the last three windows ("throughput", "latency"), or ""."""
    if not agree([window.fps for window in side]):
        return "throughput"
    return "" if agree([window.latency_ms for window in side]) else "latency"


def drift(side: Sequence[Window]) -> float:
    """Return how much the rate changed from the first to the last window, as a part of the first."""
    return side[-1].fps / side[0].fps - 1.0 if side and side[0].fps > 0 else 0.0
