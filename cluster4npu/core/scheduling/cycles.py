"""Whole-number weights: the cycle of at most N frames whose shares are closest to measured rates."""

from __future__ import annotations

from collections.abc import Mapping


def cycle_counts(rates: Mapping[str, float], length: int) -> dict[str, int]:
    """Split a cycle of `length` frames by rate (largest remainder), each worker getting at least one.

    Raises ValueError when the cycle is shorter than the number of workers or no rate is positive.
    """
    if length < len(rates) or not rates or sum(rates.values()) <= 0:
        raise ValueError("a cycle needs at least one frame for every worker, and a positive rate")
    total = sum(rates.values())
    exact = {name: rate / total * length for name, rate in rates.items()}
    counts = {name: max(1, int(value)) for name, value in exact.items()}
    while sum(counts.values()) > length:
        heaviest = max((n for n in counts if counts[n] > 1), key=lambda n: counts[n] - exact[n])
        counts[heaviest] -= 1
    while sum(counts.values()) < length:
        counts[max(counts, key=lambda n: exact[n] - counts[n])] += 1
    return counts


def best_cycle(rates: Mapping[str, float], longest: int = 64) -> dict[str, int]:
    """Return the shortest cycle of at most `longest` frames that loses at most 0.5% of the summed rate, else the best.

    A cycle's rate is bounded by its most loaded worker: length / max(count / rate).
    """
    best: dict[str, int] = {}
    best_rate = 0.0
    total = sum(rates.values())
    for length in range(len(rates), max(longest, len(rates)) + 1):
        counts = cycle_counts(rates, length)
        rate = length / max(counts[n] / rates[n] if rates[n] > 0 else float("inf") for n in counts)
        if rate > best_rate * (1 + 1e-9):
            best, best_rate = counts, rate
            if best_rate >= 0.995 * total:
                break
    return best or dict.fromkeys(rates, 1)
