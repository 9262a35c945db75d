"""What the manager tells of a running stream: the live snapshot, and the summary at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping

from cluster4npu.core.devices import truth
from cluster4npu.core.engine.intake import Inlet
from cluster4npu.core.engine.lane import Lane
from cluster4npu.core.engine.messages import DeviceCalibration
from cluster4npu.core.engine.pool import Worker, WorkerPool
from cluster4npu.core.engine.stream import Stream
from cluster4npu.core.metrics.meter import MOST_KEPT, HostMeter, Meter
from cluster4npu.core.metrics.snapshot import (
    DeviceSnapshot,
    MetricsSnapshot,
    SourceSnapshot,
    StageSnapshot,
)
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import DeviceSummary, RunSummary, SourceSummary, StageSummary
from cluster4npu.core.pipeline.plan import ExecutionPlan


def snapshot(
    stream: Stream, pool: WorkerPool, host: HostMeter, state: str, slots: int, goal: int | None
) -> MetricsSnapshot:
    """Return the figures of this moment and begin the next period."""
    meter = stream.meter
    period = meter.period()
    totals = _totals(stream, pool)
    devices = []
    for worker, count in zip(pool.workers, meter.devices, strict=True):
        total = totals[worker.stage.index]
        frames, busy = count.period_frames, count.period_busy_ns / 1e9
        devices.append(
            DeviceSnapshot(
                id=worker.member.id,
                state=_state(worker),
                simulated=worker.member.simulated,
                frames=count.frames,
                share=count.frames / total if total else 0.0,
                fps=frames / period.seconds,
                busy=min(1.0, busy / period.seconds),
                latency_ms=busy * 1e3 / frames if frames else None,
                queue=stream.queue_of(worker.index),
                restarts=worker.restarts,
                spare=worker.spare.state if worker.spare is not None else "",
                unit=unit_of(worker),
                fell_back=truth.fell_back(worker.member.id, unit_of(worker)),
                stage=worker.stage.node_id,
            )
        )
        count.reset_period()
    frames_in, dropped = stream.frames_in_and_dropped()
    p50, p95, p99 = period.latency_ranks_ms
    return MetricsSnapshot(
        elapsed_s=(time.monotonic_ns() - meter.start_ns) / 1e9,
        state=state,
        frames_in=frames_in,
        frames_out=meter.out,
        frames_dropped=dropped,
        frames_failed=meter.failed,
        in_flight=stream.in_engine,
        fps=period.fps,
        throughput_mb_s=period.mb_s,
        latency_mean_ms=period.latency_mean_ms,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        buffer_full_waits=stream.waits,
        ring_slots=slots,
        ring_used=stream.in_engine,
        reorder_waiting=stream.waiting_for_order,
        devices=tuple(devices),
        reconnects=stream.reconnects,
        host_cpu=host.cpu,
        host_memory_bytes=host.memory_bytes,
        progress=min(1.0, (meter.out + meter.failed) / goal) if goal else None,
        stages=tuple(
            StageSnapshot(lane.stage.node_id, lane.frames, lane.ended - lane.failed, lane.failed, lane.runs)
            for lane in stream.lanes
        ),
        sources=tuple(
            SourceSnapshot(i.node_id, *i.in_and_dropped(), i.out, i.failed, len(i.order))
            for i in stream.inlets
        ),
    )


def _totals(stream: Stream, pool: WorkerPool) -> list[int]:
    """Return how many delivered frames each stage has computed."""
    totals = [0] * len(stream.lanes)
    for worker, count in zip(pool.workers, stream.meter.devices, strict=True):
        totals[worker.stage.index] += count.frames
    return totals


def unit_of(worker: Worker) -> str:
    """Return what really runs the model in this worker, "unknown" before it has said."""
    return str(worker.report.get("unit", truth.UNKNOWN))


def _state(worker: Worker) -> str:
    return "busy" if worker.alive and worker.in_flight else worker.state


def summarize(
    plan: ExecutionPlan,
    stream: Stream | None,
    pool: WorkerPool | None,
    calibration: Mapping[str, DeviceCalibration],
) -> RunSummary:
    """Return how a segment ended; all zero when nothing had begun."""
    nothing = LatencyStats.of([])
    if stream is None or pool is None:
        return RunSummary(0, 0, 0, 0, 0.0, 0.0, nothing, (), 0, 0, 0, _policies(plan), plan.simulated)
    meter = stream.meter
    meter.settle()
    wall = (meter.last_ns - meter.start_ns) / 1e9
    sources = tuple(_source(inlet, wall) for inlet in stream.inlets)
    totals = _totals(stream, pool)
    devices = []
    for worker, count in zip(pool.workers, meter.devices, strict=True):
        total = totals[worker.stage.index]
        measured = calibration.get(worker.member.id)
        devices.append(
            DeviceSummary(
                id=worker.member.id,
                settled_id=worker.member.settled,
                unit=unit_of(worker),
                simulated=worker.member.simulated,
                frames=count.frames,
                share=count.frames / total if total else 0.0,
                busy=min(1.0, count.busy_ns / 1e9 / wall) if wall else 0.0,
                fps=count.frames / wall if wall else 0.0,
                latency_ms=meter.service(worker.index),
                weight=_weight(stream, worker, measured) if measured else None,
                restarts=worker.restarts,
                startup_ms=worker.report.get("startup_ms"),
                first_inference_ms=worker.report.get("first_inference_ms"),
                failed=worker.failure,
                unit_detail=str(worker.report.get("unit_detail", "")),
                fell_back=truth.fell_back(worker.member.id, unit_of(worker)),
                stage=worker.stage.node_id,
                batch_size=worker.batch,
                name=worker.member.name,
                kind=worker.member.kind,
            )
        )
    return RunSummary(
        frames_in=sum(source.frames_in for source in sources),
        frames_out=meter.out,
        frames_dropped=sum(source.frames_dropped for source in sources),
        frames_failed=meter.failed,
        fps=meter.out / wall if wall else 0.0,
        wall_s=wall,
        latency_ms=meter.latency(),
        devices=tuple(devices),
        buffer_full_waits=stream.waits,
        restarts=sum(w.restarts for w in pool.workers),
        out_of_order=meter.out_of_order,
        reconnects=stream.reconnects,
        policy=_policies(plan),
        simulated=plan.simulated,
        warnings=(
            *stream.warnings,
            *(notice for lane in stream.lanes for notice in lane.notices),
            *dict.fromkeys(notice for worker in pool.workers for notice in worker.notices),
            *(truth.warning(d.id, d.unit) for d in devices if d.fell_back),
        ),
        failures=tuple(stream.failures),
        stages=tuple(_stage(lane) for lane in stream.lanes),
        sources=sources,
        traces=meter.traces.array() if meter.traces is not None else None,
    )


def _weight(stream: Stream, worker: Worker, measured: DeviceCalibration) -> float:
    """Return what a calibrated device weighed in the run, as calibrated where no frame says more."""
    for lane in stream.lanes:
        if lane.stage is worker.stage and (mean := lane.mean_weight(worker.member.settled)) is not None:
            return mean
    return measured.weight


def _untraced(meter: Meter) -> tuple[str, ...]:
    log = meter.traces
    if log is None or not log.left_out:
        return ()
    return (f"stamps were kept of the newest {MOST_KEPT:,} frames; those of {log.left_out:,} were let go of",)


def _source(inlet: Inlet, wall_s: float) -> SourceSummary:
    frames_in, dropped = inlet.in_and_dropped()
    fps = inlet.out / wall_s if wall_s else 0.0
    return SourceSummary(inlet.node_id, frames_in, inlet.out, dropped, inlet.failed, fps)


def _stage(lane: Lane) -> StageSummary:
    return StageSummary(
        id=lane.stage.node_id,
        frames_in=lane.frames,
        frames_out=lane.ended - lane.failed,
        frames_dropped=lane.frames - lane.ended,
        frames_failed=lane.failed,
        runs=lane.runs,
        policy=lane.stage.policy,
        devices=tuple(member.id for member in lane.stage.pool),
    )


def _policies(plan: ExecutionPlan) -> str:
    """Return the policies of the stages; one name where all have the same."""
    return ", ".join(dict.fromkeys(stage.policy for stage in plan.stages))
