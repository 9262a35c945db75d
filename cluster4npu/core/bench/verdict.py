"""What a benchmark comes to: the figures of its sides, the speedup, and every reason not to quote it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cluster4npu.core.bench import statistics
from cluster4npu.core.bench.legs import Leg, Window, windows
from cluster4npu.core.bench.load import LoadFigures
from cluster4npu.core.bench.parity import Parity
from cluster4npu.core.bench.pool import BenchmarkPool
from cluster4npu.core.bench.result import BenchmarkResult, SideFigures, Speedup, WorkerFigures
from cluster4npu.core.bench.session import Session
from cluster4npu.core.bench.steps import Sides, rate
from cluster4npu.core.bench.why import why_not_more
from cluster4npu.core.bench.workers import worker_figures
from cluster4npu.core.devices import truth
from cluster4npu.core.metrics.statistics import LatencyStats


@dataclass(frozen=True, slots=True)
class Found:
    """What a benchmark of any scenario has found, before it is told whether that counts. `cut` are windows by side."""

    single: dict[str, SideFigures]
    baseline: str
    best: str
    parallel: SideFigures | None
    speedup: Speedup | None
    efficiency: float | None
    reasons: Sequence[str]
    cut: dict[str, list[Window]]
    workers: tuple[WorkerFigures, ...]
    why: tuple[str, ...] = ()
    load: LoadFigures | None = None

    def result(self, name: str, session: Session, checks: Sequence[Parity]) -> BenchmarkResult:
        """Return the result of the pipeline of this name, INVALID where there is any reason."""
        pool, options, profile = session.pool, session.options, session.profile
        reasons = [*self.reasons, *([] if profile.conforms else ["profile too short"])]
        return BenchmarkResult(
            scenario=options.scenario,
            profile=profile.name,
            pipeline_name=name,
            devices=tuple(member.id for member in pool.parallel),
            single=self.single,
            measured_as={m.id: one for m in pool.parallel if (one := pool.measured_as[m.id]) != m.id},
            parallel=self.parallel,
            best_single=self.best,
            baseline=self.baseline,
            speedup=self.speedup,
            efficiency=self.efficiency,
            simulated=pool.simulated,
            workers=self.workers,
            invalid_reason="; ".join(reasons),
            warnings=tuple(
                dict.fromkeys(
                    (*warnings_of(session, checks, self.cut), *session.told, *fallbacks(self.workers))
                )
            ),
            why=self.why,
            parity=parity_told(pool, checks),
            seed=options.seed,
            load=self.load,
        )


def make_result(name: str, session: Session, sides: Sides, checks: Sequence[Parity]) -> BenchmarkResult:
    """Draw the conclusion from all that was measured; `name` is the pipeline's."""
    pool, options, profile = session.pool, session.options, session.profile
    baseline = pool.against or max(sides.pairs, key=sides.single_fps)
    pairs = sides.pairs[baseline]
    cut = {"single": windows([a for a, _ in pairs], profile.windows)}
    single = {device: side_figures(sides.single_legs(device), ()) for device in pool.alone}
    single[baseline] = side_figures([a for a, _ in pairs], cut["single"])
    best = max(single, key=lambda device: single[device].fps)
    parallel, speedup, efficiency = None, None, None
    reasons = reasons_of(session, checks)
    if pool.is_compared:
        legs = [b for _, b in pairs]
        cut["parallel"] = windows(legs, profile.windows)
        parallel = side_figures(legs, cut["parallel"])
        if all(leg.frames for pair in pairs for leg in pair):
            members = {member.id: single[pool.measured_as[member.id]] for member in pool.parallel}
            speedup, efficiency = compare_sides(members, parallel, pairs, options.seed)
        else:
            reasons.append("too few frames")
    reasons += [
        f"unstable ({side} {what})" for side, found in cut.items() if (what := statistics.unstable(found))
    ]
    if pool.against is None and best != baseline:
        reasons.append("the best single device changed while measuring")
    workers = worker_figures(pool, sides.told, [b for _, b in pairs])
    found = Found(
        single, baseline, best, parallel, speedup, efficiency, reasons, cut, workers,
        why=why_not_more(workers, sides.told, _service_alone(sides, pool)) if parallel else (),
    )  # fmt: skip
    return found.result(name, session, checks)


def _service_alone(sides: Sides, pool: BenchmarkPool) -> dict[str, float]:
    """Return the mean service time (ms) of each worker's device alone, by the worker's id."""
    found = {}
    for member in pool.parallel:
        legs = sides.single_legs(pool.measured_as[member.id])
        service = np.concatenate([leg.service_ms for leg in legs])
        if len(service):
            found[member.id] = float(service.mean())
    return found


def side_figures(legs: Sequence[Leg], cut: Sequence[Window]) -> SideFigures:
    """Return the figures of a side from its legs, and of the windows that were cut from them."""
    return SideFigures(
        rate(legs),
        LatencyStats.of(np.concatenate([leg.latency_ms for leg in legs])),
        sum(leg.frames for leg in legs),
        sum(leg.seconds for leg in legs),
        tuple(window.fps for window in cut),
        tuple(window.latency_ms for window in cut),
    )


def compare_sides(
    single: dict[str, SideFigures], parallel: SideFigures, pairs: Sequence[tuple[Leg, Leg]], seed: int
) -> tuple[Speedup, float | None]:
    """Return the speedup with its interval, and the efficiency: parallel over the sum of all workers' singles."""
    total = sum(side.fps for side in single.values())
    return statistics.bootstrap_speedup(pairs, seed), parallel.fps / total if total > 0 else None


def reasons_of(session: Session, checks: Sequence[Parity]) -> list[str]:
    """Return what went wrong while measuring, the weightiest first."""
    reasons = []
    different = sorted({check.device for check in checks if not check.same})
    if different:
        reasons.append(f"outputs differ ({', '.join(different)})")
    if session.failed:
        reasons.append(f"{session.failed} frames failed")
    if session.restarts:
        reasons.append(f"a worker was lost {session.restarts} times")
    if session.out_of_order:
        reasons.append(f"{session.out_of_order} frames out of order")
    return reasons


def warnings_of(session: Session, checks: Sequence[Parity], cut: dict[str, list[Window]]) -> list[str]:
    found = []
    for side, measured in cut.items():
        change = statistics.drift(measured)
        if abs(change) > statistics.DRIFT:
            found.append(
                f"The {side} rate changed by {change:+.0%} from the first window to the last (throttling?)."
            )
    if session.dropped:
        found.append(
            f"{session.dropped} frames of a live source were dropped: the source sets the pace, not the devices."
        )
    if len(session.pool.real) > 1 and all(check.score is None for check in checks):
        found.append("The compared frames held nothing to compare: equal answers are not shown.")
    return found + [f"A frame failed: {text}" for text in session.failures[:3]]


def fallbacks(workers: Sequence[WorkerFigures]) -> list[str]:
    return [truth.warning(w.id, w.unit) for w in workers if truth.fell_back(w.id, w.unit)]


def parity_told(pool: BenchmarkPool, checks: Sequence[Parity]) -> dict[str, Any]:
    """Return what was compared, for the JSON; `state` is a short text."""
    if len(pool.real) < 2:
        why = (
            "not needed: one kind of device"
            if pool.real
            else "not applicable: simulated devices have no outputs"
        )
        return {"state": why, "checks": []}
    state = "same" if all(check.same for check in checks) else "different"
    if all(check.score is None for check in checks):
        state = "not shown: there was nothing to compare"
    return {
        "state": state,
        "reference": pool.reference,
        "checks": [{**asdict(check), "same": check.same} for check in checks],
    }
