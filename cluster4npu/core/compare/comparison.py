"""Two runs side by side: every figure with its change, and the speedup with its interval, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cluster4npu.core.bench.statistics import student_t
from cluster4npu.core.compare.identity import differences, refusals
from cluster4npu.core.compare.rates import Measured, measured
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.store.records import RunRecord
from cluster4npu.core.store.store import Store

FASTER, SLOWER, NO_CHANGE, REFUSED, NO_INTERVAL = (
    "faster",
    "slower",
    "no change",
    "not comparable",
    "no interval",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of both runs; `ratio` is the second over the first (None where one is not reported)."""

    name: str
    base: float | None
    other: float | None

    @property
    def ratio(self) -> float | None:
        return self.other / self.base if self.base and self.other is not None else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of `base` in `other`. `ratio` above 1 is better, whatever the figure is; `low` and `high` are its
    95% interval (None where there were too few repetitions). With `refusals` there is no ratio at all.
    """

    base: str
    other: str
    what: str
    ratio: float | None
    low: float | None
    high: float | None
    figures: tuple[Figure, ...]
    refusals: tuple[str, ...] = ()
    differences: tuple[tuple[str, str, str], ...] = ()
    simulated: bool = False

    @property
    def verdict(self) -> str:
        """Return FASTER, SLOWER, NO_CHANGE (the interval holds 1), NO_INTERVAL or REFUSED."""
        if self.refusals:
            return REFUSED
        if self.low is None or self.high is None:
            return NO_INTERVAL
        if self.low > 1.0:
            return FASTER
        return SLOWER if self.high < 1.0 else NO_CHANGE

    def headline(self) -> str:
        """Return the comparison in one line."""
        if self.refusals:
            return f"not comparable: {'; '.join(self.refusals)}"
        if self.ratio is None:
            return "nothing to compare: one of the runs has no figure"
        suffix = " (SIMULATED)" if self.simulated else ""
        if self.low is None or self.high is None:
            return f"{self.ratio:.3f}x, without an interval: too few repetitions{suffix}"
        verdict = "no measurable change" if self.verdict == NO_CHANGE else self.verdict.upper()
        return f"{self.ratio:.3f}x (95% CI {self.low:.3f}-{self.high:.3f}): {verdict}{suffix}"

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON holds it."""
        figures = [{**asdict(figure), "ratio": figure.ratio} for figure in self.figures]
        told = {name: getattr(self, name) for name in ("base", "other", "what", "ratio", "simulated")}
        interval = [self.low, self.high] if self.low is not None else None
        return {
            **told,
            "ci95": interval,
            "verdict": self.verdict,
            "headline": self.headline(),
            "comparable": not self.refusals,
            "refusals": list(self.refusals),
            "differences": [list(item) for item in self.differences],
            "figures": figures,
        }


def compare_runs(store: Store, base: str, others: Sequence[str]) -> list[Comparison]:
    """Compare each of the other stored runs with the first; raises InputError for an id that is not there."""
    if base in others:
        raise InputError(
            Problem(
                "a run is no other measurement than itself",
                field="run_id",
                found=base,
                allowed="another run of the same pipeline",
                hint="Measure again, and compare the two.",
            )
        )
    first = measured(store, base)
    return [compare(first, measured(store, other)) for other in others]


def compare(base: Measured, other: Measured) -> Comparison:
    """Compare two runs; never raises for what cannot be compared: the reasons are in the answer."""
    reasons = refusals(base.record, other.record)
    ratio = low = high = None
    if not reasons and base.value > 0 and other.value > 0:
        ratio, low, high = _ratio(base, other)
    return Comparison(
        base.record.id,
        other.record.id,
        base.what,
        ratio,
        low,
        high,
        _figures(base.record, other.record),
        reasons,
        differences(base.record, other.record),
        base.record.simulated or other.record.simulated,
    )


def _ratio(base: Measured, other: Measured) -> tuple[float, float | None, float | None]:
    ratio = other.value / base.value
    if base.low is not None and base.high is not None and other.low is not None and other.high is not None:
        return ratio, other.low / base.high, other.high / base.low
    interval = welch(np.log(base.legs), np.log(other.legs))
    if interval is None:
        return (ratio, None, None) if base.rising else (1 / ratio, None, None)
    low, high = math.exp(interval[0]), math.exp(interval[1])
    if not base.rising:
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    return ratio, min(low, ratio), max(high, ratio)


def welch(first: np.ndarray, second: np.ndarray) -> tuple[float, float] | None:
    """Return the 95% interval of the difference of two means (second minus first); None below two values each.

    B. L. Welch, The generalization of Student's problem when several different population variances are involved,
    Biometrika 34, 1947. The runs' legs are few and their variances need not be equal.
    """
    n, m = len(first), len(second)
    if n < 2 or m < 2:
        return None
    a, b = float(first.var(ddof=1)) / n, float(second.var(ddof=1)) / m
    spread = math.sqrt(a + b)
    freedom = (a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1)) if spread > 0 else n + m - 2
    half = student_t(max(1, int(freedom))) * spread
    center = float(second.mean() - first.mean())
    return center - half, center + half


def _figures(base: RunRecord, other: RunRecord) -> tuple[Figure, ...]:
    """Return the whole runs' figures, and those of each device that both have, by the same name."""
    found = []
    for ours in base.results:
        theirs = other.result(ours.side, ours.device)
        if theirs is None:
            continue
        where = f"{ours.device} alone" if ours.side == "single" else ours.device or "all together"
        found.append(Figure(f"{where}: frames/s", ours.fps, theirs.fps))
        for rank in ("mean", "p50", "p95", "p99"):
            found.append(
                Figure(
                    f"{where}: latency {rank} (ms)",
                    getattr(ours.latency_ms, rank),
                    getattr(theirs.latency_ms, rank),
                )
            )
    return tuple(found)
