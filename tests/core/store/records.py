"""Runs to be stored in tests, and programs that hold or write a store in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np

from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.traces import FRAME_TRACE
from cluster4npu.core.store import (
    DeviceRecord,
    ModelRecord,
    PipelineRecord,
    ResultRecord,
    RunRecord,
    SegmentRecord,
    Store,
    schema,
)


def traces(count: int, seed: int = 0) -> np.ndarray:
    """Return frames with stamps that use all 64 bits."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, dtype=FRAME_TRACE)
    rows["frame_id"] = np.arange(count)
    rows["worker"] = rng.integers(-1, 3, count)
    rows["status"] = rng.integers(0, 3, count)
    for name in (
        "scheduled_ns",
        "captured_ns",
        "queued_ns",
        "started_ns",
        "inferred_ns",
        "finished_ns",
        "delivered_ns",
    ):
        rows[name] = rng.integers(0, 2**62, count)
    return rows


def record(count: int = 100, *, name: str = "digits", kind: str = "benchmark", **fields: object) -> RunRecord:
    """Return a benchmark with awkward numbers and names."""
    latency = LatencyStats(count, 1 / 3, 0.1, 1e-12, None, None)
    values: dict[str, object] = {
        "kind": kind,
        "pipeline": PipelineRecord("d" * 64, name, '{"name": "digits"}\n'),
        "results": (
            ResultRecord("single", "onnx:cpu", fps=0.1 + 0.2, latency_ms=latency, frames=7, wall_s=1.5),
            ResultRecord("parallel", fps=123456.789012345, latency_ms=latency, frames=9, frames_failed=1),
            ResultRecord(
                "parallel", "sim:a?ms=1", fps=None, share=2 / 3, busy=0.5, startup_ms=12.5, simulated=True
            ),
        ),
        "devices": (DeviceRecord("onnx:cpu", "onnx:cpu?threads=1", "A CPU", "cpu", "onnx", "CPU", False),),
        "model": ModelRecord("a" * 64, "model.onnx", 1234),
        "command": "cluster4npu benchmark 'odd; DROP TABLE runs; --'",
        "conditions": {
            "host": {"name": "h", "os": "o", "cpu": "c", "cores": 2, "memory_bytes": 2**40},
            "load": None,
        },
        "detail": {"speedup": 1.75, "speedup_ci95": [1.7, 1.8], "nested": {"n": [1, None, "ü"]}},
        "simulated": False,
        "valid": False,
        "invalid_reason": "unstable",
        "headline": "INVALID: unstable",
        "segments": (
            SegmentRecord("survey", "single", ("onnx:cpu",), ("onnx:cpu", "sim:a"), traces(count), 5, 2**61),
            SegmentRecord(
                "pair", "parallel", ("onnx:cpu", "sim:a"), ("onnx:cpu", "sim:a"), traces(count, seed=1)
            ),
        ),
        "created_at": datetime(2026, 11, 1, 12, 30, 15, 123456, tzinfo=UTC),
    }
    return RunRecord(**{**values, **fields})  # type: ignore[arg-type]


def older(path: Path, version: int, done: RunRecord) -> str:
    """Make a store as a program of that schema version left it, with one run; return the run's id."""
    newer = path.with_name("newer.duckdb")
    run_id = Store(newer).save(done)
    with duckdb.connect(str(path)) as raw:
        raw.execute(
            "CREATE TABLE schema_version"
            " (version INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL, backup VARCHAR NOT NULL)"
        )
        for number, sql in schema.migrations().items():
            if number <= version:
                raw.execute(sql)
                raw.execute("INSERT INTO schema_version VALUES (?, TIMESTAMP '2026-01-01', '')", [number])
        raw.execute(f"ATTACH '{newer}' AS newer (READ_ONLY)")
        tables = ["hosts", "models", "pipelines", "runs", "devices", "results", "segments", "samples"]
        for table in [*tables, "runtimes", "stages"] if version >= 4 else tables:
            names = ", ".join(raw.table(table).columns)
            raw.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM newer.{table}")
    newer.unlink()
    return run_id


def child(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python program in a process of its own, from the repository's root."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
