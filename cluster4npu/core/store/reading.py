"""Reading runs back. Every function is given an open connection."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import numpy as np

from cluster4npu.core.errors import Problem, StoreError
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.traces import FRAME_TRACE
from cluster4npu.core.store.records import (
    SAMPLE,
    SIMULATED,
    DeviceRecord,
    ModelRecord,
    PipelineRecord,
    ResultRecord,
    RunRecord,
    RunRow,
    SegmentRecord,
    StageRecord,
)
from cluster4npu.core.store.rows import TABLES
from cluster4npu.core.store.schema import current_version
from cluster4npu.core.store.writing import checksum

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")


def ids(opened: duckdb.DuckDBPyConnection) -> list[str]:
    """Return every run's id, newest first."""
    return [
        row[0] for row in opened.execute("SELECT id FROM runs ORDER BY created_at DESC, id DESC").fetchall()
    ]


def runs(opened: duckdb.DuckDBPyConnection, limit: int, kind: str | None) -> list[RunRow]:
    """Return the newest runs with the figure that stands for each."""
    found = _rows(
        opened,
        """
        SELECT r.id, r.kind, r.created_at, r.pipeline_name, r.headline, r.valid, r.invalid_reason,
               r.provenance,
               (SELECT list(d.id ORDER BY d.position) FROM devices d WHERE d.run_id = r.id) AS devices,
               (SELECT max(s.fps) FROM results s
                WHERE s.run_id = r.id AND s.device = '' AND s.side IN ('run', 'parallel')) AS fps,
               TRY_CAST(r.detail ->> 'speedup' AS DOUBLE) AS speedup,
               coalesce(r.detail ->> 'scenario', '') AS scenario, coalesce(m.name, '') AS model,
               coalesce(h.name, '') AS host, concat_ws(', ', h.cpu, h.cores, h.memory_bytes) AS machine,
               r.pipeline_digest,
               (SELECT list(DISTINCT regexp_extract(d.settled_id, 'precision=([a-z0-9]+)', 1))
                FROM devices d WHERE d.run_id = r.id) AS precisions,
               (SELECT list(DISTINCT d.batch_size ORDER BY d.batch_size)
                FROM devices d WHERE d.run_id = r.id AND d.batch_size IS NOT NULL) AS batch_sizes
        FROM runs r LEFT JOIN models m ON m.sha256 = r.model_sha256 LEFT JOIN hosts h ON h.id = r.host_id
        WHERE ?::VARCHAR IS NULL OR r.kind = ? ORDER BY r.created_at DESC, r.id DESC LIMIT ?
        """,
        [kind, kind, limit],
    )
    return [
        RunRow(
            row["id"],
            row["kind"],
            _utc(row["created_at"]),
            row["pipeline_name"],
            tuple(row["devices"] or ()),
            row["fps"],
            row["speedup"],
            row["headline"],
            row["valid"],
            row["invalid_reason"],
            row["provenance"] == SIMULATED,
            row["scenario"],
            row["model"],
            row["host"],
            row["machine"],
            row["pipeline_digest"],
            tuple(sorted(filter(None, row["precisions"] or ()))),
            tuple(row["batch_sizes"] or ()),
        )
        for row in found
    ]


def baselines(opened: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the runs that were marked as baselines, the latest mark first."""
    found = opened.execute(
        "SELECT run_id FROM baselines GROUP BY run_id ORDER BY max(marked_at) DESC"
    ).fetchall()
    return [row[0] for row in found]


def run(opened: duckdb.DuckDBPyConnection, run_id: str) -> RunRecord:
    """Return one run, without samples."""
    row = _rows(opened, "SELECT * FROM runs WHERE id = ?", [run_id])[0]
    pipeline = _rows(opened, "SELECT text FROM pipelines WHERE digest = ?", [row["pipeline_digest"]])
    models = _rows(opened, "SELECT * FROM models WHERE sha256 = ?", [row["model_sha256"]])
    devices = _rows(opened, "SELECT * FROM devices WHERE run_id = ? ORDER BY position", [run_id])
    results = _rows(opened, "SELECT * FROM results WHERE run_id = ? ORDER BY position", [run_id])
    stages = _rows(opened, "SELECT * FROM stages WHERE run_id = ? ORDER BY position", [run_id])
    if len(results) != row["result_rows"]:
        raise StoreError(
            Problem(
                f"the figures of run {run_id} are not as they were saved",
                found=f"{len(results)} rows",
                allowed=f"{row['result_rows']} rows",
                hint="The file was damaged; `cluster4npu db check` tells what else is. Measure this one again.",
            )
        )
    return RunRecord(
        kind=row["kind"],
        pipeline=PipelineRecord(
            row["pipeline_digest"], row["pipeline_name"], pipeline[0]["text"] if pipeline else ""
        ),
        results=tuple(_result(r) for r in results),
        devices=tuple(_made(DeviceRecord, d, failed=d["failed"] or "") for d in devices),
        model=_made(ModelRecord, models[0], family=models[0]["family"] or "") if models else None,
        command=row["command"],
        conditions=json.loads(row["conditions"]),
        detail=json.loads(row["detail"]),
        simulated=row["provenance"] == SIMULATED,
        valid=row["valid"],
        invalid_reason=row["invalid_reason"],
        headline=row["headline"],
        id=row["id"],
        created_at=_utc(row["created_at"]),
        sample_rows=row["sample_rows"],
        stages=tuple(_made(StageRecord, s, devices=tuple(s["devices"])) for s in stages),
    )


def latest(opened: duckdb.DuckDBPyConnection, kind: str, pipeline_digest: str) -> RunRecord | None:
    """Return the newest run of a kind of one pipeline, or None."""
    found = opened.execute(
        "SELECT id FROM runs WHERE kind = ? AND pipeline_digest = ? ORDER BY created_at DESC, id DESC LIMIT 1",
        [kind, pipeline_digest],
    ).fetchone()
    return run(opened, found[0]) if found is not None else None


def samples(opened: duckdb.DuckDBPyConnection, run_id: str, path: Path) -> np.ndarray:
    """Return a run's samples as a SAMPLE array, checked against the row count and checksum saved with it."""
    names = SAMPLE.names or ()
    columns = opened.execute(
        f"SELECT {', '.join(names)} FROM samples WHERE run_id = ? ORDER BY position", [run_id]
    ).fetchnumpy()
    found = np.zeros(len(columns[names[0]]), dtype=SAMPLE)
    for name in names:
        found[name] = columns[name]
    kept = _rows(opened, "SELECT sample_rows, sample_checksum FROM runs WHERE id = ?", [run_id])[0]
    if len(found) != kept["sample_rows"] or checksum(found) != kept["sample_checksum"]:
        raise StoreError(
            Problem(
                f"the samples of run {run_id} are not as they were saved",
                found=f"{len(found)} rows in {path}",
                allowed=f"{kept['sample_rows']} rows with checksum {kept['sample_checksum']}",
                hint="The file was damaged; its other runs can still be read. Measure this one again.",
            )
        )
    return found


def segments(
    opened: duckdb.DuckDBPyConnection, run_id: str, all_samples: np.ndarray
) -> tuple[SegmentRecord, ...]:
    """Return a run's segments, each with its part of the samples."""
    rows = _rows(opened, "SELECT * FROM segments WHERE run_id = ? ORDER BY segment", [run_id])
    found = []
    for row in rows:
        part = all_samples[all_samples["segment"] == row["segment"]]
        traces = np.zeros(len(part), dtype=FRAME_TRACE)
        for name in FRAME_TRACE.names or ():
            traces[name] = part[name]
        found.append(
            SegmentRecord(
                row["stage"],
                row["side"],
                tuple(row["devices"]),
                tuple(row["workers"]),
                traces,
                row["measure_from_ns"],
                row["measure_to_ns"],
            )
        )
    return tuple(found)


def info(opened: duckdb.DuckDBPyConnection, path: Path) -> dict[str, Any]:
    """Return what the file is and how much is in it."""
    counts = {table: _rows(opened, f"SELECT count(*) AS n FROM {table}", [])[0]["n"] for table in TABLES}
    span = _rows(opened, "SELECT min(created_at) AS first, max(created_at) AS last FROM runs", [])[0]
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "schema_version": current_version(),
        "engine": f"DuckDB {duckdb.__version__}",
        "rows": counts,
        "first_run": _utc(span["first"]).isoformat() if span["first"] else None,
        "last_run": _utc(span["last"]).isoformat() if span["last"] else None,
    }


def _result(row: dict[str, Any]) -> ResultRecord:
    ranks = [row[f"latency_{name}_ms"] for name in ("mean", "p50", "p90", "p95", "p99")]
    return _made(ResultRecord, row, latency_ms=LatencyStats(row["latency_samples"], *ranks))


def _made(kind: type[R], row: dict[str, Any], **own: Any) -> R:
    """Return a record: from what is given, the columns of its fields' names, and `simulated` from the provenance."""
    told = {**row, "simulated": row.get("provenance") == SIMULATED, **own}
    names = {item.name for item in fields(kind)}
    return kind(**{name: value for name, value in told.items() if name in names})


def _rows(opened: duckdb.DuckDBPyConnection, sql: str, values: list[Any]) -> list[dict[str, Any]]:
    answer = opened.execute(sql, values)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _utc(stamp: datetime) -> datetime:
    return stamp.replace(tzinfo=UTC)
