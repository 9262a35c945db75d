"""A benchmark as it is kept in the store: its figures as rows, its JSON as detail, every frame as a sample."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from cluster4npu.core.bench.pool import BenchmarkPool, model_hash
from cluster4npu.core.bench.result import BenchmarkResult, SideFigures
from cluster4npu.core.bench.session import Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.inspection import inspect_model
from cluster4npu.core.devices.model_report import UNKNOWN, ModelReport
from cluster4npu.core.errors import Cluster4NPUError
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.store.recording import (
    device_records,
    look_records,
    mask_passwords,
    model_record,
    pipeline_record,
)
from cluster4npu.core.store.records import (
    BENCHMARK,
    DeviceRecord,
    ModelRecord,
    PredictionRecord,
    ResultRecord,
    RunRecord,
)
from cluster4npu.core.store.writing import new_id

SUM_OF_SINGLES = "the rates of the devices alone, added up"
_log = logging.getLogger(__name__)


def benchmark_record(
    pipeline: PipelineConfig,
    session: Session,
    result: BenchmarkResult,
) -> tuple[RunRecord, BenchmarkResult]:
    """Return the record, and the result with the id under which it will be found."""
    pool, options = session.pool, session.options
    record = RunRecord(
        kind=BENCHMARK,
        pipeline=pipeline_record(pipeline),
        results=_results(result, session.host_peak_bytes),
        devices=_devices(result),
        model=_model(pipeline, pool),
        command=mask_passwords(options.command),
        conditions=result.conditions,
        simulated=result.simulated,
        valid=result.valid,
        invalid_reason=result.invalid_reason,
        headline=result.headline() + (" (SIMULATED)" if result.simulated else ""),
        segments=tuple(session.segments),
        predictions=_predictions(result),
        looks=look_records(result.devices, _lasted_s(session)),
    )
    result = replace(result, run_id=new_id(record))
    return replace(record, id=result.run_id, detail=result.as_dict()), result


def _lasted_s(session: Session) -> float:
    """Return how long ago the first frame was captured, 0.0 where there was none."""
    begins = [part.samples["captured_ns"] for part in session.segments]
    captured = [int(stamps[stamps > 0].min()) for stamps in begins if (stamps > 0).any()]
    return (time.monotonic_ns() - min(captured)) / 1e9 if captured else 0.0


def _devices(result: BenchmarkResult) -> tuple[DeviceRecord, ...]:
    """Return the workers' devices, with what their answers differ in."""
    wrong: dict[str, str] = {}
    for check in result.parity.get("checks", ()):
        if not check["same"]:
            wrong[str(replace(DeviceId.parse(check["device"]), replica=1))] = (
                f"{check['what']} {check['score']:.1%} as {result.parity['reference']}'s"
            )
    kinds = {w.id: str(replace(DeviceId.parse(w.settled_id), replica=1)) for w in result.workers}
    return tuple(replace(d, differs=wrong.get(kinds[d.id], "")) for d in device_records(result.workers))


def _predictions(result: BenchmarkResult) -> tuple[PredictionRecord, ...]:
    """Return the rate that the devices' rates alone add up to, beside what they made together."""
    if result.simulated or result.parallel is None or not result.efficiency or result.load is not None:
        return ()
    told = PredictionRecord(
        SUM_OF_SINGLES, "1", result.devices, "throughput", "frames/s",
        value=result.parallel.fps / result.efficiency, actual=result.parallel.fps,
    )  # fmt: skip
    return (told,)


def _results(result: BenchmarkResult, host_peak_bytes: int | None) -> tuple[ResultRecord, ...]:
    simulated = {w.id: w.simulated for w in result.workers}
    rows = [
        _side("single", name, side, simulated.get(name, result.simulated))
        for name, side in result.single.items()
    ]
    if result.parallel is None:
        return tuple(rows)
    together = _side("parallel", "", result.parallel, result.simulated)
    rows.append(replace(together, host_peak_bytes=host_peak_bytes))
    rows += [
        ResultRecord(
            "parallel",
            worker.id,
            fps=worker.fps,
            latency_ms=worker.latency_ms,
            frames=worker.latency_ms.n,
            wall_s=result.parallel.measured_s,
            share=worker.share,
            busy=worker.busy,
            startup_ms=worker.startup_ms,
            first_inference_ms=worker.first_inference_ms,
            simulated=worker.simulated,
        )
        for worker in result.workers
    ]
    return tuple(rows)


def _side(side: str, device: str, figures: SideFigures, simulated: bool) -> ResultRecord:
    return ResultRecord(
        side,
        device,
        fps=figures.fps,
        latency_ms=figures.latency_ms,
        frames=figures.frames,
        wall_s=figures.measured_s,
        simulated=simulated,
    )


def _model(pipeline: PipelineConfig, pool: BenchmarkPool) -> ModelRecord | None:
    """Return the model with what a look into it tells; a look that fails leaves that unknown."""
    model, path = model_record(pipeline, model_hash(pool)), pool.plan.stage.model
    if model is None or path is None:
        return model
    report = _look(path, model.sha256)
    if report is None:
        return model
    family = report.layout or ("" if report.task == UNKNOWN else report.task)
    return replace(model, family=family, parameters=report.parameters, flops=report.flops)


@lru_cache(maxsize=64)
def _look(path: Path, _sha256: str) -> ModelReport | None:
    """Look into a model once; it takes a process of its own, so that a crash in there costs no benchmark."""
    try:
        return inspect_model(path)
    except Cluster4NPUError as error:
        _log.info("the model's size is not known: %s", error)
        return None
