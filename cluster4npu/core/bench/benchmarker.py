"""The benchmark: the steps of the method, from equal answers to the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.bench import parity, statistics
from cluster4npu.core.bench.legs import Leg, Window, windows
from cluster4npu.core.bench.options import BenchmarkOptions, BenchmarkProgress
from cluster4npu.core.bench.pool import BenchmarkPool, make_benchmark_pool, single_pool
from cluster4npu.core.bench.progress import Tracker
from cluster4npu.core.bench.recording import benchmark_record
from cluster4npu.core.bench.result import BenchmarkResult, SideFigures, Speedup
from cluster4npu.core.bench.session import OpenEngine, Session, open_session
from cluster4npu.core.bench.workers import worker_figures
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import SegmentFinished
from cluster4npu.core.errors import Cancelled, InputError, Problem, StoreError
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.store.conditions import conditions
from cluster4npu.core.store.store import Store

ProgressCallback = Callable[[BenchmarkProgress], None]
CancelCallback = Callable[[], bool]

_LOADING_S = 3.0
_PARITY_S = 1.0
_MOST_ROUNDS = 3


class BenchmarkCancelled(Cancelled):
    """The user ended a benchmark; nothing of it was stored."""


@dataclass
class _Sides:
    """What was measured so far: the survey of every device, and the pairs by their baseline."""

    survey: dict[str, Leg] = field(default_factory=dict)
    pairs: dict[str, list[tuple[Leg, Leg]]] = field(default_factory=dict)
    told: list[SegmentFinished] = field(default_factory=list)  # of parallel legs

    def single_legs(self, name: str) -> list[Leg]:
        return [a for a, _ in self.pairs[name]] if name in self.pairs else [self.survey[name]]

    def single_fps(self, name: str) -> float:
        return _fps(self.single_legs(name))

    def best(self) -> str:
        return max(self.survey, key=self.single_fps)


class PerformanceBenchmarker:
    """Measures each device alone against all of them together, on one engine that holds every worker.

    >>> result = PerformanceBenchmarker(BenchmarkOptions(profile="quick")).run(pipeline)
    >>> print(result.headline())
    """

    def __init__(self, options: BenchmarkOptions | None = None, *, open_engine: OpenEngine = Engine) -> None:
        self.options = options or BenchmarkOptions()
        self._open_engine = open_engine
        self._profile = self.options.the_profile()
        self._scenario = self.options.the_scenario()

    def run(
        self,
        pipeline: PipelineConfig,
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
    ) -> BenchmarkResult:
        """Benchmark the pipeline and store the result, if a store is named.

        `progress` is told several times a second, on this thread; `cancelled` is asked as often. Raises
        BenchmarkCancelled within a second of a yes, InputError for what cannot be measured, the engine's
        errors, and StoreError before anything is measured when the store cannot be written.
        """
        begin = time.monotonic()
        tell, cancelled = progress or _ignore, cancelled or _never
        pool = make_benchmark_pool(
            pipeline, devices=self.options.devices, policy=self.options.policy, against=self.options.against
        )
        if self.options.store is not None:
            with Store(self.options.store):
                pass  # a store that cannot be used is told now, not after ten minutes
        tracker = Tracker(self._planned_s(pool), tell)
        state = conditions()
        try:
            tracker.begin("Loading", _LOADING_S, "the model on every device")
            with open_session(pipeline, pool, self.options, tracker, cancelled, self._open_engine) as session:
                checks = self._parity(session)
                sides = self._measure(session)
        except Cancelled as error:
            raise BenchmarkCancelled("the benchmark was cancelled") from error
        result = self._result(pipeline, pool, session, sides, checks)
        result = replace(result, conditions={**state, "after": conditions()}, wall_s=time.monotonic() - begin)
        result = self._store(pipeline, pool, session, sides, result)
        tracker.end("Done")
        return result

    # ---- the named parts

    def run_single_device_benchmark(
        self,
        pipeline: PipelineConfig,
        device: str,
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
    ) -> SideFigures:
        """Measure one device alone, as long as one side of the profile takes; stores nothing."""
        return self._one_side(pipeline, single_pool(pipeline, device), progress, cancelled)

    def run_multi_device_benchmark(
        self,
        pipeline: PipelineConfig,
        devices: tuple[str, ...] | None = None,
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
    ) -> SideFigures:
        """Measure devices together (None: the pipeline's own), as long as one side takes; stores nothing."""
        pool = make_benchmark_pool(pipeline, devices=devices, policy=self.options.policy)
        return self._one_side(pipeline, pool, progress, cancelled)

    def calculate_speedup_metrics(
        self, single: dict[str, SideFigures], parallel: SideFigures, pairs: Sequence[tuple[Leg, Leg]]
    ) -> tuple[Speedup, float | None]:
        """Return the speedup with its interval, and the efficiency: parallel over the sum of singles."""
        total = sum(side.fps for side in single.values())
        speedup = statistics.bootstrap_speedup(pairs, self.options.seed)
        return speedup, parallel.fps / total if total > 0 else None

    def generate_performance_report(self, result: BenchmarkResult, path: str | Path) -> Path:
        """Write a stored result as a document; the file's ending chooses the form. Raises InputError."""
        from cluster4npu.core.report import ReportGenerator

        if self.options.store is None or not result.run_id:
            raise InputError(
                Problem("only a stored benchmark can be reported", hint="Name a store in the options.")
            )
        with Store(self.options.store) as store:
            return ReportGenerator(store).generate_performance_report(result.run_id, path)

    # ---- the steps

    def _planned_s(self, pool: BenchmarkPool) -> float:
        profile = self._profile
        leg_s = profile.leg_s + profile.ramp_s
        legs = profile.pairs * leg_s * (2 if pool.is_compared else 1)
        survey = len(pool.alone) * (profile.survey_s + profile.ramp_s)
        warm_up = profile.warm_up_s + profile.ramp_s * 3
        return _LOADING_S + _PARITY_S * len(pool.real) + warm_up + survey + legs

    def _parity(self, session: Session) -> list[parity.Parity]:
        """Compare every kind of real worker with the first one on the same frames."""
        workers = session.pool.real
        if len(workers) < 2:
            return []
        checks: list[parity.Parity] = []
        reference = None
        for device in workers:
            session.tracker.begin("Comparing results", _PARITY_S, "the same frames on every device", device)
            told = session.frames("parity", device, self._profile.parity_frames)
            if reference is None:
                reference = told.results
            else:
                checks += parity.compare(device, reference, told.results)
        return checks

    def _warm_up(self, session: Session) -> None:
        """Run until three windows agree, for three seconds at least."""
        profile, rates, spent = self._profile, list[float](), 0.0
        together = session.pool.together
        while spent < profile.warm_up_s or (spent < profile.warm_up_limit_s and not statistics.agree(rates)):
            detail = f"window {len(rates) + 1} of at least 3"
            step = profile.warm_up_window_s + profile.ramp_s
            if len(rates) >= 3:
                session.tracker.more(step)
            session.tracker.begin("Warming up", step, detail)
            rates.append(session.measure("warm-up", together, profile.warm_up_window_s).leg.fps)
            spent += profile.warm_up_window_s

    def _measure(self, session: Session) -> _Sides:
        """Warm up, survey every device, and measure the pairs against the best one."""
        profile, pool, sides = self._profile, session.pool, _Sides()
        self._warm_up(session)
        for name, settled in pool.alone.items():
            session.tracker.begin("Each device alone", profile.survey_s + profile.ramp_s, device=name)
            sides.survey[name] = session.survey("survey", (settled,), profile.survey_s).leg
        for _ in range(_MOST_ROUNDS):
            baseline = pool.against or sides.best()
            if baseline in sides.pairs:
                break  # no other device turned out to be faster than the one that was taken for the best
            if sides.pairs:
                session.tracker.more(self._profile.pairs * 2 * (profile.leg_s + profile.ramp_s))
            sides.pairs[baseline] = self._pairs(session, baseline, sides)
        return sides

    def _pairs(self, session: Session, baseline: str, sides: _Sides) -> list[tuple[Leg, Leg]]:
        """Measure baseline (A) and parallel (B) interleaved, A B B A; only A where there is nothing to compare."""
        profile, pool = self._profile, session.pool
        alone = (pool.alone[baseline],)
        found = []
        for number in range(profile.pairs):
            legs: dict[str, Leg] = {}
            order = "AB" if number % 2 == 0 else "BA"
            for letter in order if pool.is_compared else "A":
                device = baseline if letter == "A" else ""
                title = "Best device alone" if letter == "A" and pool.against is None else "All together"
                title = "The chosen device alone" if letter == "A" and pool.against else title
                detail = f"pair {number + 1} of {profile.pairs}" if pool.is_compared else f"leg {number + 1}"
                session.tracker.begin(title, profile.leg_s + profile.ramp_s, detail, device)
                measured = session.measure("pair", alone if letter == "A" else pool.together, profile.leg_s)
                legs[letter] = measured.leg
                if letter == "B" or not pool.is_compared:
                    sides.told.append(measured.told)
            found.append((legs["A"], legs.get("B", legs["A"])))
        return found

    def _one_side(
        self,
        pipeline: PipelineConfig,
        pool: BenchmarkPool,
        progress: ProgressCallback | None,
        cancelled: CancelCallback | None,
    ) -> SideFigures:
        profile = self._profile
        leg_s = profile.leg_s + profile.ramp_s
        tracker = Tracker(_LOADING_S + profile.warm_up_s + profile.pairs * leg_s, progress or _ignore)
        try:
            tracker.begin("Loading", _LOADING_S, "the model on every device")
            with open_session(
                pipeline, pool, self.options, tracker, cancelled or _never, self._open_engine
            ) as session:
                self._warm_up(session)
                legs = []
                for number in range(profile.pairs):
                    tracker.begin("Measuring", leg_s, f"leg {number + 1} of {profile.pairs}")
                    legs.append(session.measure("pair", pool.together, profile.leg_s).leg)
        except Cancelled as error:
            raise BenchmarkCancelled("the benchmark was cancelled") from error
        tracker.end("Done")
        return side_figures(legs, windows(legs, profile.windows))

    # ---- the verdict

    def _result(
        self,
        pipeline: PipelineConfig,
        pool: BenchmarkPool,
        session: Session,
        sides: _Sides,
        checks: Sequence[parity.Parity],
    ) -> BenchmarkResult:
        baseline = pool.against or max(sides.pairs, key=sides.single_fps)
        pairs = sides.pairs[baseline]
        cut_windows = {"single": windows([a for a, _ in pairs], self._profile.windows)}
        single = {name: side_figures(sides.single_legs(name), ()) for name in pool.alone}
        single[baseline] = side_figures([a for a, _ in pairs], cut_windows["single"])
        parallel, speedup, efficiency = None, None, None
        if pool.is_compared:
            legs = [b for _, b in pairs]
            cut_windows["parallel"] = windows(legs, self._profile.windows)
            parallel = side_figures(legs, cut_windows["parallel"])
            if all(leg.frames for pair in pairs for leg in pair):
                speedup, efficiency = self.calculate_speedup_metrics(single, parallel, pairs)
        reasons = self._reasons(session, checks, cut_windows)
        if pool.is_compared and speedup is None:
            reasons.insert(0, "too few frames")
        return BenchmarkResult(
            scenario=self._scenario.name,
            profile=self._profile.name,
            pipeline_name=pipeline.name,
            devices=tuple(member.id for member in pool.parallel),
            single=single,
            parallel=parallel,
            best_single=max(single, key=lambda name: single[name].fps),
            baseline=baseline,
            speedup=speedup,
            efficiency=efficiency,
            simulated=pool.simulated,
            workers=worker_figures(pool, sides.told, [b for _, b in pairs]),
            invalid_reason="; ".join(reasons),
            warnings=tuple(self._warnings(session, checks, cut_windows)),
            parity=_parity_dict(pool, checks),
            seed=self.options.seed,
        )

    def _reasons(
        self, session: Session, checks: Sequence[parity.Parity], sides: dict[str, list[Window]]
    ) -> list[str]:
        """Return why the result must not be quoted, the weightiest first."""
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
        for name, side in sides.items():
            what = statistics.unstable(side)
            if what:
                reasons.append(f"unstable ({name} {what})")
        if not self._profile.conforms:
            reasons.append("profile too short")
        return reasons

    def _warnings(
        self, session: Session, checks: Sequence[parity.Parity], sides: dict[str, list[Window]]
    ) -> list[str]:
        found = []
        for name, side in sides.items():
            change = statistics.drift(side)
            if abs(change) > statistics.DRIFT:
                found.append(
                    f"The {name} rate changed by {change:+.0%} from the first window to the last (throttling?)."
                )
        if session.dropped:
            found.append(
                f"{session.dropped} frames of a live source were dropped: the source sets the pace, not the devices."
            )
        if checks and all(check.score is None for check in checks):
            found.append("The compared frames held nothing to compare: equal answers are not shown.")
        return found + [f"A frame failed: {text}" for text in session.failures[:3]]

    def _store(
        self,
        pipeline: PipelineConfig,
        pool: BenchmarkPool,
        session: Session,
        sides: _Sides,
        result: BenchmarkResult,
    ) -> BenchmarkResult:
        """Keep the result. What was measured for minutes is not thrown away when the store fails now."""
        if self.options.store is None:
            return result
        record, result = benchmark_record(pipeline, pool, self.options, session.segments, result)
        session.tracker.begin("Storing", 0.0)
        try:
            with Store(self.options.store) as store:
                store.save(record)
        except StoreError as error:
            return replace(
                result, run_id="", warnings=(*result.warnings, f"The result was not stored: {error}")
            )
        return result


def side_figures(legs: Sequence[Leg], cut_windows: Sequence[Window]) -> SideFigures:
    """Return the figures of a side from its legs: all frames over all counted time."""
    latency = np.concatenate([leg.latency_ms for leg in legs])
    return SideFigures(
        _fps(legs),
        LatencyStats.of(latency),
        sum(leg.frames for leg in legs),
        sum(leg.seconds for leg in legs),
        tuple(window.fps for window in cut_windows),
        tuple(window.latency_ms for window in cut_windows),
    )


def _ignore(_: BenchmarkProgress) -> None:
    """Take no notice of progress."""


def _never() -> bool:
    return False


def _fps(legs: Sequence[Leg]) -> float:
    seconds = sum(leg.seconds for leg in legs)
    return sum(leg.frames for leg in legs) / seconds if seconds > 0 else 0.0


def _parity_dict(pool: BenchmarkPool, checks: Sequence[parity.Parity]) -> dict[str, Any]:
    """Return what was compared, for the JSON; `state` is "same", "different", "one kind of device" or "simulated"."""
    if not pool.real:
        return {"state": "not applicable: simulated devices have no outputs", "checks": []}
    if len(pool.real) == 1:
        return {"state": "not needed: one kind of device", "checks": []}
    return {
        "state": "same" if all(check.same for check in checks) else "different",
        "reference": pool.real[0],
        "checks": [
            {
                "device": check.device,
                "what": check.what,
                "score": check.score,
                "needed": check.needed,
                "compared": check.compared,
                "same": check.same,
            }
            for check in checks
        ],
    }
