"""A benchmark as it is kept in the store: its figures as rows, its JSON as detail, every frame as a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from cluster4npu.core.bench.options import BenchmarkOptions
from cluster4npu.core.bench.pool import BenchmarkPool
from cluster4npu.core.bench.result import BenchmarkResult, SideFigures
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.store.recording import backend_of, mask_passwords, model_record, pipeline_record
from cluster4npu.core.store.records import (
    BENCHMARK,
    DeviceRecord,
    ResultRecord,
    RunRecord,
    SegmentRecord,
)
from cluster4npu.core.store.writing import new_id


def benchmark_record(
    pipeline: PipelineConfig,
    pool: BenchmarkPool,
    options: BenchmarkOptions,
    segments: Sequence[SegmentRecord],
    result: BenchmarkResult,
) -> tuple[RunRecord, BenchmarkResult]:
    """Return the record, and the result with the id under which it will be found."""
    record = RunRecord(
        kind=BENCHMARK,
        pipeline=pipeline_record(pipeline),
        results=_results(result),
        devices=_devices(result),
        model=model_record(pipeline, _model_hash(pool)),
        command=mask_passwords(options.command),
        conditions=result.conditions,
        simulated=result.simulated,
        valid=result.valid,
        invalid_reason=result.invalid_reason,
        headline=result.headline() + (" (SIMULATED)" if result.simulated else ""),
        segments=tuple(segments),
    )
    result = replace(result, run_id=new_id(record))
    return replace(record, id=result.run_id, detail=result.as_dict()), result


def _results(result: BenchmarkResult) -> tuple[ResultRecord, ...]:
    simulated = {w.id: w.simulated for w in result.workers}
    rows = [
        _side("single", name, side, simulated.get(name, result.simulated))
        for name, side in result.single.items()
    ]
    if result.parallel is None:
        return tuple(rows)
    rows.append(_side("parallel", "", result.parallel, result.simulated))
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


def _devices(result: BenchmarkResult) -> tuple[DeviceRecord, ...]:
    return tuple(
        DeviceRecord(w.id, w.settled_id, backend=backend_of(w.id), unit=w.unit, simulated=w.simulated)
        for w in result.workers
    )


def _model_hash(pool: BenchmarkPool) -> str:
    """Return the SHA-256 (hex) of the model file, "" where no model runs."""
    if pool.plan.stage.model is None:
        return ""
    with pool.plan.stage.model.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
