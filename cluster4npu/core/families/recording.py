"""A family's figures as they are kept in the store: a result for each cell, and every inference as a sample."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.flops import onnx_flops
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model_file import read_model_file
from cluster4npu.core.devices.onnx_outline import read_outline
from cluster4npu.core.families.building import SPEED_ONLY
from cluster4npu.core.families.runner import Cell, FamilyRun
from cluster4npu.core.metrics.traces import FRAME_TRACE, STATUS_DELIVERED
from cluster4npu.core.store.conditions import conditions
from cluster4npu.core.store.recording import backend_of, look_records, mask_passwords
from cluster4npu.core.store.records import (
    FAMILY,
    DeviceRecord,
    ModelRecord,
    PipelineRecord,
    ResultRecord,
    RunRecord,
    SegmentRecord,
)

_SINGLE = "single"


def family_record(run: FamilyRun, command: str = "") -> RunRecord:
    """Return the record of one family. A device that refused has its reason in `failed`, and no result."""
    measured = run.measured
    refusals = [cell.refusal for cell in run.cells if cell.refusal]
    return RunRecord(
        kind=FAMILY,
        pipeline=_question(run),
        results=tuple(_result(cell) for cell in measured),
        devices=tuple(_device(cell) for cell in run.cells),
        model=model_record(run),
        command=mask_passwords(command),
        conditions=conditions(),
        detail=detail(run),
        valid=bool(measured),
        invalid_reason="" if measured else refusals[0] if refusals else "nothing was measured",
        headline=run.headline(),
        segments=tuple(_segment(cell) for cell in measured),
        looks=look_records((cell.device for cell in run.cells), sum(cell.wall_s or 0.0 for cell in measured)),
    )


def detail(run: FamilyRun) -> dict[str, Any]:
    """Return the run as JSON holds it."""
    return {
        "family": run.family.id,
        "title": run.family.title,
        "size": run.size,
        "label": SPEED_ONLY,
        "computes": run.family.computes,
        "scenario": "batch " + ", ".join(dict.fromkeys(str(cell.batch) for cell in run.cells)),
        "model": run.model.name,
        "cells": [cell.as_dict() for cell in run.cells],
        "warnings": [
            f"{SPEED_ONLY}: its answers mean nothing",
            *(f"not measured: {cell.device}: {cell.refusal}" for cell in run.cells if cell.refusal),
        ],
    }


def model_record(run: FamilyRun) -> ModelRecord:
    """Return the network's file as it is kept."""
    return ModelRecord(
        sha256=read_model_file(run.model),
        name=run.model.name,
        bytes=run.model.stat().st_size,
        family=run.family.id,
        parameters=read_outline(run.model).parameters,
        flops=onnx_flops(run.model),
    )


def _question(run: FamilyRun) -> PipelineRecord:
    """Return what was asked in the place of a pipeline: a family has none."""
    asked = {
        "family": run.family.id,
        "size": run.size,
        "label": SPEED_ONLY,
        "inputs": [
            {"name": item.name, "shape": list(item.shape), "dtype": item.dtype, "content": item.content.value}
            for item in run.family.inputs_of(run.size)
        ],
    }
    text = json.dumps(asked, indent=2)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return PipelineRecord(digest, f"{run.family.id} ({run.size}), {SPEED_ONLY}", text)


def _device(cell: Cell) -> DeviceRecord:
    device = DeviceId.parse(cell.device)
    known = {info.id: info for info in registry.listed(device.backend)}.get(device.device)
    return DeviceRecord(
        cell.device,
        cell.settled,
        name=known.name if known else "",
        kind=known.kind if known else "",
        backend=backend_of(cell.device),
        unit=cell.unit,
        batch_size=cell.batch,
        failed=cell.refusal,
    )


def _result(cell: Cell) -> ResultRecord:
    return ResultRecord(
        _SINGLE,
        cell.device,
        fps=cell.throughput,
        latency_ms=cell.latency_ms,
        frames=cell.inferences * cell.batch,
        wall_s=cell.wall_s,
        startup_ms=cell.startup_ms,
        first_inference_ms=cell.first_inference_ms,
        host_peak_bytes=cell.peak_bytes,
    )


def _segment(cell: Cell) -> SegmentRecord:
    samples = np.zeros(cell.inferences, FRAME_TRACE)
    samples["frame_id"] = np.arange(cell.inferences)
    samples["status"] = STATUS_DELIVERED
    for stamp in ("scheduled_ns", "captured_ns", "queued_ns", "started_ns"):
        samples[stamp] = cell.stamps_ns[:, 0]
    for stamp in ("inferred_ns", "finished_ns", "delivered_ns"):
        samples[stamp] = cell.stamps_ns[:, 1]
    begin, end = int(cell.stamps_ns[0, 0]), int(cell.stamps_ns[-1, 1])
    return SegmentRecord(FAMILY, _SINGLE, (cell.device,), (cell.device,), samples, begin, end)
