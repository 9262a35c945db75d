"""Times of a repeated fault, printed as a distribution: a mean would hide the worst."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def show(what: str, seconds: Sequence[float]) -> str:
    """Print and return one line: how many, p50, p99 and the largest, in ms. Shown by `pytest -rP`."""
    if not seconds:
        return f"{what}: none"
    p50, p99, most = np.percentile(np.asarray(seconds) * 1e3, [50, 99, 100])
    line = f"{what}: n={len(seconds)}  p50={p50:.0f} ms  p99={p99:.0f} ms  max={most:.0f} ms"
    print(line)
    return line
