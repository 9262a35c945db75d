"""What a benchmark under load comes to: what each side bears, and every reason not to quote it."""

from __future__ import annotations

from collections.abc import Sequence

from cluster4npu.core.bench.load import LoadFigures, SideLoad
from cluster4npu.core.bench.load_steps import TOGETHER, VERIFICATIONS, LoadSides
from cluster4npu.core.bench.parity import Parity
from cluster4npu.core.bench.result import BenchmarkResult, SideFigures, Speedup
from cluster4npu.core.bench.session import Session
from cluster4npu.core.bench.statistics import bootstrap_speedup
from cluster4npu.core.bench.verdict import Found, reasons_of, side_figures
from cluster4npu.core.bench.workers import worker_figures
from cluster4npu.core.metrics.statistics import LatencyStats

_NOTHING = SideFigures(0.0, LatencyStats.of([]))


def make_load_result(
    name: str, session: Session, found: LoadSides, checks: Sequence[Parity]
) -> BenchmarkResult:
    """Draw the conclusion from all that was measured under load; `name` is the pipeline's."""
    pool = session.pool
    load, pairs = found.figures(), found.sides.pairs[found.baseline]
    single = {device: _alone(found, load, device) for device in pool.alone}
    legs = [b for _, b in pairs]
    parallel = side_figures(legs, ()) if legs and pool.is_compared else None
    speedup = _speedup(found, load) if parallel is not None else None
    reasons = [*reasons_of(session, checks), *_not_borne(found, load)]
    total = sum(single[pool.measured_as[m.id]].fps for m in pool.parallel)
    best = max(single, key=lambda device: (load.sides[device].held, single[device].fps))
    efficiency = parallel.fps / total if parallel and load.searched and total > 0 else None
    workers = worker_figures(pool, found.sides.told, legs) if legs else ()
    told = Found(
        single, found.baseline, best, parallel, speedup, efficiency, reasons, {}, workers, load=load
    )  # fmt: skip
    return told.result(name, session, checks)


def _alone(found: LoadSides, load: LoadFigures, device: str) -> SideFigures:
    """Return one device's figures at the most that it bears: verified for the baseline, else as searched."""
    if load.searched and load.sides[device].amount <= 0:
        return _NOTHING
    return side_figures(found.sides.single_legs(device), ()) if found.sides.single_legs(device) else _NOTHING


def _speedup(found: LoadSides, load: LoadFigures) -> Speedup | None:
    """Return what all together bear over what the baseline bears; of a given load, their throughputs.

    Streams are counted and each count is verified, so that their ratio has no interval. A searched rate lies
    between what was held and what was refused: the interval is the widest ratio of those.
    """
    pairs = found.sides.pairs[found.baseline]
    if any(leg.frames == 0 for pair in pairs for leg in pair):
        return None
    if not load.searched:
        return bootstrap_speedup(pairs, found.demand.options.seed)
    base, together = load.sides[found.baseline], load.sides[TOGETHER]
    ratio, ratios = together.amount / base.amount, tuple(b.fps / a.fps for a, b in pairs)
    if found.demand.whole:
        return Speedup(ratio, ratio, ratio, ratios)
    return Speedup(ratio, together.amount / _refused(base), _refused(together) / base.amount, ratios)


def _refused(side: SideLoad) -> float:
    return side.refused if side.refused is not None and side.refused > side.amount else side.amount


def _not_borne(found: LoadSides, load: LoadFigures) -> list[str]:
    """Return why the load does not count: it was held in some runs only, or nothing could be held."""
    reasons = []
    for name in found.verified:
        who, side = name or "all together", load.sides[name]
        if load.searched and side.amount <= 0:
            reasons.append(f"{who} cannot keep the p99 within {load.limit_ms:g} ms at any load")
        elif load.searched and not (side.held and side.runs >= VERIFICATIONS):
            reasons.append(f"unstable ({who}: what was found could not be verified)")
        elif not load.searched and 0 < side.runs_held < side.runs:
            reasons.append(f"unstable ({who}: the limit was held in {side.runs_held} of {side.runs} runs)")
    return reasons
