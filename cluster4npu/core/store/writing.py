"""Writing one run: every row of it in one transaction."""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np

from cluster4npu.core.store import sums
from cluster4npu.core.store.records import (
    MEASURED,
    SAMPLE,
    DeviceRecord,
    ModelRecord,
    RunRecord,
    SegmentRecord,
)
from cluster4npu.core.store.rows import (
    DeviceLookRow,
    DeviceRow,
    ModelRow,
    PredictionRow,
    ResultRow,
    Row,
    SegmentRow,
    StageRow,
)

_PRECISION = re.compile(r"[?&]precision=([a-z0-9]+)")
_LONGEST_REASON = 300  # characters


def write(opened: duckdb.DuckDBPyConnection, record: RunRecord) -> str:
    """Write the record and return the id that it got."""
    samples = join(record.segments)
    run_id = record.id or new_id(record)
    opened.execute("BEGIN")
    host_id = _host(opened, record.conditions.get("host", {}))
    _once(opened, "pipelines", {"digest": record.pipeline.digest, "text": record.pipeline.text}, "digest")
    if record.model is not None:
        _model(opened, record.model)
    _insert(
        opened,
        "runs",
        {
            "id": run_id,
            "kind": record.kind,
            "created_at": _naive(record.created_at),
            "host_id": host_id,
            "pipeline_digest": record.pipeline.digest,
            "pipeline_name": record.pipeline.name,
            "model_sha256": record.model.sha256 if record.model else None,
            "command": record.command,
            "versions": _json(record.conditions.get("versions", {})),
            "conditions": _json(record.conditions),
            "detail": _json(record.detail),
            "headline": record.headline,
            "valid": record.valid,
            "invalid_reason": record.invalid_reason,
            "provenance": record.provenance,
            "result_rows": len(record.results),
            "sample_rows": len(samples),
            "sample_checksum": checksum(samples),
        },
    )
    _write_parts(opened, run_id, record)
    sums.write(opened, run_id)
    if record.model is not None:
        write_compatibility(
            opened, record.model, record.devices, record.conditions, run_id, record.created_at
        )
    _write_predictions(opened, run_id, record)
    _write_samples(opened, run_id, samples)
    opened.execute("COMMIT")
    return run_id


def mark_baseline(opened: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Mark a run as one with which new ones are compared."""
    _insert(opened, "baselines", {"run_id": run_id, "marked_at": _naive(datetime.now(UTC))})


def _write_parts(opened: duckdb.DuckDBPyConnection, run_id: str, record: RunRecord) -> None:
    for position, device in enumerate(record.devices):
        _insert(opened, "devices", _columns(DeviceRow, device, run_id=run_id, position=position))
    for position, look in enumerate(record.looks):
        own = {
            "run_id": run_id,
            "position": position,
            "provenance": MEASURED,
            "looked_at": _naive(look.looked_at),
        }
        _insert(opened, "device_looks", _columns(DeviceLookRow, look, **own))
    for position, result in enumerate(record.results):
        latency = {f"latency_{name}_ms": value for name, value in result.latency_ms.as_dict().items()}
        more = {"run_id": run_id, "position": position, "latency_samples": result.latency_ms.n, **latency}
        _insert(opened, "results", _columns(ResultRow, result, **more))
    for position, stage in enumerate(record.stages):
        own = {"run_id": run_id, "position": position, "provenance": record.provenance}
        _insert(opened, "stages", _columns(StageRow, stage, **own, devices=list(stage.devices)))
    for name, version in record.conditions.get("versions", {}).items():
        _insert(opened, "runtimes", {"run_id": run_id, "name": str(name), "version": str(version)})
    for number, segment in enumerate(record.segments):
        lists = {"devices": list(segment.devices), "workers": list(segment.workers)}
        _insert(opened, "segments", _columns(SegmentRow, segment, run_id=run_id, segment=number, **lists))


def _write_predictions(opened: duckdb.DuckDBPyConnection, run_id: str, record: RunRecord) -> None:
    at = _naive(record.created_at)
    for number, told in enumerate(record.predictions):
        own = {
            "id": f"{run_id}-{number}", "created_at": at, "predictor_version": told.version,
            "pipeline_digest": record.pipeline.digest, "model_sha256": record.model.sha256 if record.model else None,
            "devices": list(told.devices), "confidence": None, "run_id": run_id, "provenance": "predicted",
        }  # fmt: skip
        _insert(opened, "predictions", _columns(PredictionRow, told, **own))


def write_compatibility(
    opened: duckdb.DuckDBPyConnection, model: ModelRecord, devices: Iterable[DeviceRecord],
    conditions: dict[str, Any], run_id: str | None = None, at: datetime | None = None,
) -> None:  # fmt: skip
    """Keep what was seen of a model on devices; it replaces what was seen earlier on this machine."""
    host_id = _host(opened, conditions.get("host", {}))
    _model(opened, model)
    moment = _naive(at or datetime.now(UTC))
    for device in devices:
        precision = match[1] if (match := _PRECISION.search(device.settled_id)) else ""
        key = {
            "model_sha256": model.sha256, "host_id": host_id, "device": device.id.partition("#")[0],
            "precision": precision,
        }  # fmt: skip
        opened.execute(
            "DELETE FROM compatibility WHERE model_sha256 = ? AND host_id = ? AND device = ? AND precision = ?",
            list(key.values()),
        )
        status, reason = _seen(device)
        more = {
            "status": status, "reason": reason, "run_id": run_id, "checked_at": moment,
            "provenance": device.provenance, "import_sha256": None, "model": model.name,
        }  # fmt: skip
        _insert(opened, "compatibility", {**key, **more})


def _seen(device: DeviceRecord) -> tuple[str, str]:
    if device.failed:
        return "fails", " ".join(device.failed.split())[:_LONGEST_REASON]
    if device.differs:
        return "fails", f"outputs differ: {device.differs}"[:_LONGEST_REASON]
    return ("falls back", f"ran on {device.unit}") if device.fell_back else ("runs", device.unit)


def _columns(kind: type[Row], source: object, **own: Any) -> dict[str, Any]:
    """Return the columns of one row: those that are given, the others from the record's fields of that name."""
    return {name: own[name] if name in own else getattr(source, name) for name in kind.model_fields}


def _write_samples(opened: duckdb.DuckDBPyConnection, run_id: str, samples: np.ndarray) -> None:
    if not len(samples):
        return
    columns = {name: np.ascontiguousarray(samples[name]) for name in SAMPLE.names or ()}
    opened.register("new_samples", {"position": np.arange(len(samples), dtype=np.int64), **columns})
    names = ", ".join(columns)
    opened.execute(
        f"INSERT INTO samples (run_id, position, {names}) SELECT ?, position, {names} FROM new_samples",
        [run_id],
    )
    opened.unregister("new_samples")


def join(segments: tuple[SegmentRecord, ...]) -> np.ndarray:
    """Return the samples of all segments as one SAMPLE array."""
    parts = []
    for number, segment in enumerate(segments):
        part = np.zeros(len(segment.samples), dtype=SAMPLE)
        part["segment"] = number
        for name in segment.samples.dtype.names or ():
            if name in (SAMPLE.names or ()) and name != "segment":
                part[name] = segment.samples[name]
        parts.append(part)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=SAMPLE)


def checksum(samples: np.ndarray) -> str:
    """Return the BLAKE2b digest (128 bit, hex) of a SAMPLE array's bytes in little-endian order."""
    return hashlib.blake2b(samples.astype(SAMPLE.newbyteorder("<")).tobytes(), digest_size=16).hexdigest()


def new_id(record: RunRecord) -> str:
    """Return an id that sorts by time and can be typed: 20261121-080050-3fa2c1."""
    return f"{record.created_at.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _host(opened: duckdb.DuckDBPyConnection, host: dict[str, Any]) -> str:
    row = {
        "name": str(host.get("name", "")),
        "os": str(host.get("os", "")),
        "cpu": str(host.get("cpu", "")),
        "cores": host.get("cores"),
        "memory_bytes": host.get("memory_bytes"),
    }
    host_id = hashlib.sha256(_json(row).encode()).hexdigest()[:16]
    _once(opened, "hosts", {"id": host_id, **row}, "id")
    return host_id


def _model(opened: duckdb.DuckDBPyConnection, model: ModelRecord) -> None:
    """Keep the model once; what a later run knows of it is added."""
    _once(opened, "models", _columns(ModelRow, model), "sha256")
    if model.family or model.parameters is not None:
        opened.execute(
            "UPDATE models SET family = ?, parameters = ?, flops = ? WHERE sha256 = ? AND parameters IS NULL",
            [model.family, model.parameters, model.flops, model.sha256],
        )


def _once(opened: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any], key: str) -> None:
    known = opened.execute(f"SELECT count(*) FROM {table} WHERE {key} = ?", [row[key]]).fetchone()
    if not known or not known[0]:
        _insert(opened, table, row)


def _insert(opened: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]) -> None:
    """Insert one row; table and column names are this module's own, values go as parameters."""
    marks = ", ".join("?" for _ in row)
    opened.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def _json(value: Any) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
