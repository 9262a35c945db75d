"""Percentiles and their sample floors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# The least number of samples with which a percentile means something (MLPerf LoadGen's early-stopping estimate).
SAMPLE_FLOOR = {50: 11, 90: 64, 95: 130, 99: 662}


@dataclass(frozen=True, slots=True)
class LatencyStats:
    """Latencies in ms; a percentile is None below its sample floor, the mean is None without samples."""

    n: int
    mean: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None

    @classmethod
    def of(cls, samples_ms: Sequence[float] | np.ndarray) -> LatencyStats:
        """Compute the figures of a 1-D sequence of latencies in ms (numpy's linear percentile)."""
        values = np.asarray(samples_ms, dtype=np.float64)
        n = int(values.size)
        ranks = {
            q: float(np.percentile(values, q)) if n >= floor else None for q, floor in SAMPLE_FLOOR.items()
        }
        return cls(n, float(values.mean()) if n else None, ranks[50], ranks[90], ranks[95], ranks[99])

    def as_dict(self) -> dict[str, float | None]:
        """Return the figures as the command line's `latency_ms`."""
        return {"mean": self.mean, "p50": self.p50, "p90": self.p90, "p95": self.p95, "p99": self.p99}
