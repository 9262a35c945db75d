"""Latencies of a run in bounded memory: exact for the first ones, a fine histogram for what goes beyond."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.metrics.statistics import SAMPLE_FLOOR, LatencyStats

MOST_EXACT = 65_536
_LOWEST_MS = 1e-4
_STEP = 0.002  # width of a bin: this part of its value
_BINS = 13_000  # up to 19 million ms


class Samples:
    """Latencies in ms. Percentiles of up to MOST_EXACT samples are exact; of more, off by 0.1% at most."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._n = 0
        self._sum = 0.0
        self._bins: np.ndarray | None = None

    def add(self, values_ms: np.ndarray) -> None:
        """Take 1-D samples; the array is kept."""
        if not values_ms.size:
            return
        self._n += values_ms.size
        self._sum += float(values_ms.sum())
        self._parts.append(values_ms)
        if self._n > MOST_EXACT:
            self._spill()

    def stats(self) -> LatencyStats:
        """Return mean and percentiles; a percentile is None below its sample floor."""
        if self._bins is None:
            return LatencyStats.of(np.concatenate(self._parts) if self._parts else [])
        below = np.cumsum(self._bins)
        ranks = [
            float(_value(int(np.searchsorted(below, q / 100 * (self._n - 1) + 1)))) for q in SAMPLE_FLOOR
        ]
        return LatencyStats(self._n, self._sum / self._n, *ranks)

    def _spill(self) -> None:
        """Put what is kept into the histogram."""
        if self._bins is None:
            self._bins = np.zeros(_BINS, np.int64)
        values = np.maximum(np.concatenate(self._parts), _LOWEST_MS)
        places = np.log(values / _LOWEST_MS) / np.log1p(_STEP)
        self._bins += np.bincount(np.minimum(places.astype(np.int64), _BINS - 1), minlength=_BINS)
        self._parts.clear()


def _value(place: int) -> float:
    """Return the middle of a bin in ms."""
    return float(_LOWEST_MS * (1 + _STEP) ** (place + 0.5))
