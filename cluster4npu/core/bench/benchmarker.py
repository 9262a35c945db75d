"""The benchmark as one calls it: from a pipeline to a stored result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cluster4npu.core.bench.inputs import BenchmarkInput, fed_with
from cluster4npu.core.bench.legs import windows
from cluster4npu.core.bench.load_steps import measure_load, planned_load_s, require_paced
from cluster4npu.core.bench.load_verdict import make_load_result
from cluster4npu.core.bench.one_side import DeviceBenchmark, SpeedupMetrics, speedup_metrics
from cluster4npu.core.bench.options import BenchmarkOptions, BenchmarkProgress
from cluster4npu.core.bench.pool import BenchmarkPool, make_benchmark_pool, single_pool
from cluster4npu.core.bench.progress import Tracker
from cluster4npu.core.bench.recording import benchmark_record
from cluster4npu.core.bench.result import BenchmarkResult
from cluster4npu.core.bench.session import OpenEngine, Session, open_session
from cluster4npu.core.bench.steps import LOADING_S, check_parity, measure_sides, planned_s, warm_up
from cluster4npu.core.bench.verdict import make_result, side_figures
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.errors import Cancelled, InputError, Problem, StoreError
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.work import work_digest
from cluster4npu.core.store.conditions import conditions
from cluster4npu.core.store.records import RunRecord
from cluster4npu.core.store.store import Store

ProgressCallback = Callable[[BenchmarkProgress], None]
CancelCallback = Callable[[], bool]


class BenchmarkCancelled(Cancelled):
    """The user ended a benchmark; nothing of it was stored."""


class PerformanceBenchmarker:
    """Measures each device alone against all of them together, on one engine that holds every worker.

    >>> result = PerformanceBenchmarker(BenchmarkOptions(profile="quick")).run(pipeline)
    >>> print(result.headline())
    """

    def __init__(self, options: BenchmarkOptions | None = None, *, open_engine: OpenEngine = Engine) -> None:
        """Check the options; raises InputError for an unknown profile or scenario."""
        self.options = options or BenchmarkOptions()
        self._open_engine = open_engine
        self._profile = self.options.the_profile()
        self.options.the_scenario()
        self.unstored: RunRecord | None = None  # of the last `run`, when its store failed: save it elsewhere

    def run(
        self,
        pipeline: PipelineConfig,
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
    ) -> BenchmarkResult:
        """Benchmark the pipeline and store the result, if a store is named.

        `progress` is told several times a second, on this thread; `cancelled` is asked as often. Raises
        BenchmarkCancelled within a second of a yes, InputError for what cannot be measured, the engine's errors,
        and StoreError before anything is measured when the store cannot be written.
        """
        begin = time.monotonic()
        options, self.unstored = self.options, None
        pool = make_benchmark_pool(
            pipeline, devices=options.devices, policy=options.policy, against=options.against
        )
        if options.the_scenario().arrivals:
            require_paced(pool)
        if options.store is not None:
            Store(options.store).require_writable()  # now, not after ten minutes
        before = conditions()
        planned = planned_load_s if options.the_scenario().arrivals else planned_s
        tracker = Tracker(planned(pool, options), progress or _ignore)
        with self._session(pipeline, pool, tracker, cancelled) as session:
            checks = check_parity(session)
            if options.the_scenario().arrivals:
                result = make_load_result(pipeline.name, session, measure_load(session), checks)
            else:
                result = make_result(pipeline.name, session, measure_sides(session), checks)
        result = replace(
            result, conditions={**before, "after": conditions()}, wall_s=time.monotonic() - begin
        )
        if options.store is not None:
            tracker.begin("Storing", 0.0)
            result = self._store(options.store, pipeline, session, result)
        tracker.end("Done")
        return result

    def run_single_device_benchmark(
        self,
        pipeline_config: PipelineConfig,
        test_data: BenchmarkInput | str | Path | None = None,
        *,
        device: str | None = None,
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
    ) -> DeviceBenchmark:
        """Measure one device alone, as long as one side of the profile takes; stores nothing.

        `test_data` replaces the pipeline's input: a BenchmarkInput, a video or folder of images, "clip", or "seed:N".
        `device` is one of the pipeline's (None: its first).
        """
        data, pipeline = _data(pipeline_config, test_data)
        device = device or make_benchmark_pool(pipeline).parallel[0].id
        return self._one_side(pipeline, single_pool(pipeline, device), data, progress, cancelled)

    def run_multi_device_benchmark(
        self,
        pipeline_config: PipelineConfig,
        test_data: BenchmarkInput | str | Path | None = None,
        device_count: int | None = None,
        *,
        devices: tuple[str, ...] | None = None,
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
    ) -> DeviceBenchmark:
        """Measure devices together, as long as one side of the profile takes; stores nothing.

        `devices` replaces the pipeline's own, of which the first `device_count` are taken (None: all).
        """
        data, pipeline = _data(pipeline_config, test_data)
        pool = make_benchmark_pool(pipeline, devices=devices, policy=self.options.policy)
        there = tuple(member.id for member in pool.parallel)
        is_count = isinstance(device_count, int) and not isinstance(device_count, bool)
        if device_count is not None and not (is_count and 1 <= device_count <= len(there)):
            found, allowed = f"{device_count!r} of {', '.join(there)}", f"1 to {len(there)}"
            message = "so many devices are not there"
            raise InputError(Problem(message, field="device_count", found=found, allowed=allowed))
        if device_count not in (None, len(there)):
            pool = make_benchmark_pool(pipeline, devices=there[:device_count], policy=self.options.policy)
        return self._one_side(pipeline, pool, data, progress, cancelled)

    def calculate_speedup_metrics(
        self, single: DeviceBenchmark | Sequence[DeviceBenchmark], multi: DeviceBenchmark
    ) -> SpeedupMetrics:
        """Return the speedup against the fastest of the singles with its interval, and the efficiency.

        Give every device's single for an efficiency where they differ. Raises InputError.
        """
        return speedup_metrics([single] if isinstance(single, DeviceBenchmark) else list(single or ()), multi)

    def generate_performance_report(
        self, results: BenchmarkResult, path: str | Path | None = None
    ) -> Path | dict[str, str]:
        """Write a stored result as a document; the file's ending chooses the form. Raises InputError.

        Without a path the texts of `.html`, `.md` and `.json` are returned by their endings; their numbers are equal.
        """
        from cluster4npu.core.report import ReportGenerator

        run_id = getattr(results, "run_id", "")
        if self.options.store is None or not run_id:
            raise InputError(
                Problem(
                    "only a stored benchmark can be reported",
                    field="results",
                    found=type(results).__name__,
                    allowed="what `run` returns, with a store named in the options",
                    hint="One side by itself stores nothing: `run` measures both and stores them.",
                )
            )
        generator = ReportGenerator(Store(self.options.store))
        if path is not None:
            return generator.generate_performance_report(results.run_id, path)
        return generator.performance_texts(results.run_id)

    def _one_side(
        self,
        pipeline: PipelineConfig,
        pool: BenchmarkPool,
        data: BenchmarkInput,
        progress: ProgressCallback | None,
        cancelled: CancelCallback | None,
    ) -> DeviceBenchmark:
        profile = self._profile
        planned = LOADING_S + profile.warm_up_s + profile.legs_s(is_compared=False)
        tracker = Tracker(planned, progress or _ignore)
        legs = []
        with self._session(pipeline, pool, tracker, cancelled) as session:
            warm_up(session)
            for number in range(profile.pairs):
                tracker.begin(
                    "Measuring", profile.lone_leg_s + profile.ramp_s, f"leg {number + 1} of {profile.pairs}"
                )
                legs.append(session.measure("pair", pool.together, profile.lone_leg_s).leg)
        tracker.end("Done")
        return DeviceBenchmark(
            tuple(member.id for member in pool.parallel),
            side_figures(legs, windows(legs, profile.windows)),
            tuple(legs),
            data,
            work_digest(pipeline.text()),
            pool.simulated,
            self.options.seed,
        )

    @contextmanager
    def _session(
        self,
        pipeline: PipelineConfig,
        pool: BenchmarkPool,
        tracker: Tracker,
        cancelled: CancelCallback | None,
    ) -> Iterator[Session]:
        tracker.begin("Loading", LOADING_S, "the model on every device")
        try:
            with open_session(
                pipeline, pool, self.options, tracker, cancelled or _never, self._open_engine
            ) as session:
                yield session
        except Cancelled as error:
            raise BenchmarkCancelled("the benchmark was cancelled") from error

    def _store(
        self, path: Path, pipeline: PipelineConfig, session: Session, result: BenchmarkResult
    ) -> BenchmarkResult:
        """Keep the result. What was measured for minutes is not thrown away when the store fails now."""
        record, result = benchmark_record(pipeline, session, result)
        try:
            Store(path).save(record)
        except StoreError as error:
            self.unstored = record
            return replace(
                result, run_id="", warnings=(*result.warnings, f"The result was not stored: {error}")
            )
        return result


def _data(
    pipeline: PipelineConfig, test_data: BenchmarkInput | str | Path | None
) -> tuple[BenchmarkInput, PipelineConfig]:
    """Return the input, and the pipeline with it; raises InputError for what is no pipeline."""
    if not isinstance(pipeline, PipelineConfig):
        raise InputError(
            Problem(
                "this is no pipeline",
                field="pipeline_config",
                found=type(pipeline).__name__,
                allowed="a PipelineConfig",
                hint="`PipelineConfig.load(path)` reads a file.",
            )
        )
    if test_data is None:
        return BenchmarkInput.own(pipeline), pipeline
    data = BenchmarkInput.of(test_data)
    return data, fed_with(pipeline, data)


def _ignore(_: BenchmarkProgress) -> None:
    """Take no notice of progress."""


def _never() -> bool:
    return False
