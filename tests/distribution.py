"""Faults repeated many times: how often in the long form, and their times told as a distribution, never as a mean.

`SOAK_SHARE=0.1` makes every long form a tenth as long.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

_SHARE = float(os.environ.get("SOAK_SHARE", "1"))


def soak(times: int, hours: float = 1.0) -> Any:
    """Return a parameter of the long form only: so many times, within so many hours."""
    marks = [pytest.mark.soak, pytest.mark.timeout(hours * 3600)]
    return pytest.param(max(1, round(times * _SHARE)), marks=marks)


def show(what: str, seconds: Sequence[float]) -> str:
    """Print and return one line: how many, p50, p99 and the largest, in ms. Shown by `pytest -s`."""
    if not seconds:
        return f"{what}: none"
    p50, p99, most = np.percentile(np.asarray(seconds) * 1e3, [50, 99, 100])
    line = f"{what}: n={len(seconds)}  p50={p50:.0f} ms  p99={p99:.0f} ms  max={most:.0f} ms"
    print(line)
    return line
