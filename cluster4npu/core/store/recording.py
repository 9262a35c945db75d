"""Making records: from a pipeline, a model file, and the summary of a finished run."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Protocol

from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.looks import looks_since
from cluster4npu.core.devices.model_package import model_bytes
from cluster4npu.core.errors import InputError
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import resolve_path
from cluster4npu.core.store.conditions import conditions
from cluster4npu.core.store.records import (
    RUN,
    DeviceRecord,
    LookRecord,
    ModelRecord,
    PipelineRecord,
    RunRecord,
    SegmentRecord,
    summary_results,
    summary_stages,
)

_PASSWORD = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s\"'@]*(?:@[^/\s\"'@]*)*@")


def mask_passwords(text: str) -> str:
    """Return the text with the user part of every URL replaced by ***, since a store is made to be shared."""
    return _PASSWORD.sub(r"\1***@", text)


def record_of_run(
    pipeline: PipelineConfig, summary: RunSummary, *, command: str = "", model_sha256: str = ""
) -> RunRecord:
    """Return the record of an ordinary run, with this machine's conditions now.

    `model_sha256` is the engine's `Started.model_sha256` ("" where no model ran).
    """
    workers = tuple(d.id for d in summary.devices)
    segments: tuple[SegmentRecord, ...] = ()
    if summary.traces is not None:
        segments = (SegmentRecord(RUN, RUN, workers, workers, summary.traces),)
    return RunRecord(
        kind=RUN,
        pipeline=pipeline_record(pipeline),
        results=summary_results(summary),
        devices=device_records(summary.devices),
        model=model_record(pipeline, model_sha256),
        command=mask_passwords(command),
        conditions=conditions(),
        detail=summary.as_dict(),
        simulated=summary.simulated,
        headline=f"{summary.fps:.1f} FPS" + (" (SIMULATED)" if summary.simulated else ""),
        segments=segments,
        stages=summary_stages(summary),
        looks=look_records(workers, summary.wall_s),
    )


def pipeline_record(pipeline: PipelineConfig) -> PipelineRecord:
    """Return the pipeline as it is kept."""
    return PipelineRecord(pipeline.digest(), pipeline.name, mask_passwords(pipeline.text()))


def model_record(pipeline: PipelineConfig, sha256: str) -> ModelRecord | None:
    """Return the model file as it is kept: name without folder, and size; None where no model ran."""
    if not sha256:
        return None
    for node in pipeline.nodes:
        model = node.params.get("model")
        if isinstance(model, str) and model:
            path = resolve_path(model, pipeline.base)
            return ModelRecord(sha256, path.name, model_bytes(path) or None)
    return ModelRecord(sha256, "")


class Ran(Protocol):
    """A worker's device as it ran: in a run's summary, or among a benchmark's figures."""

    @property
    def id(self) -> str: ...
    @property
    def settled_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def simulated(self) -> bool: ...
    @property
    def batch_size(self) -> int | None: ...
    @property
    def failed(self) -> str: ...


def device_records(devices: Iterable[Ran]) -> tuple[DeviceRecord, ...]:
    """Return the workers' devices as they are kept."""
    return tuple(
        DeviceRecord(
            d.id,
            d.settled_id,
            name=d.name,
            kind=d.kind,
            backend=backend_of(d.id),
            unit=d.unit,
            simulated=d.simulated,
            batch_size=d.batch_size,
            failed=d.failed,
        )
        for d in devices
    )


def look_records(devices: Iterable[str], lasted_s: float) -> tuple[LookRecord, ...]:
    """Return the looks at the devices of a run that ends now and lasted so long, and one of now."""
    asked = dict.fromkeys(DeviceId.parse(device).device for device in devices if backend_of(device))
    return tuple(
        LookRecord(
            device,
            datetime.fromtimestamp(look.at, UTC),
            look.status,
            look.utilization,
            look.temperature_c,
            look.power_w,
            look.memory_used_bytes,
        )
        for device in asked
        for look in looks_since(device, time.time() - lasted_s)
    )


def backend_of(device: str) -> str:
    """Return the backend key of a device id, "" where it is none."""
    try:
        return DeviceId.parse(device).backend
    except InputError:
        return ""
