"""Checksums of what a run's rows say, so that a figure that was changed afterwards is told."""

from __future__ import annotations

from typing import Any

import duckdb

from cluster4npu.core.store.rows import (
    DeviceLookRow,
    DeviceRow,
    HostRow,
    PipelineRow,
    ResultRow,
    Row,
    RunsRow,
    RuntimeRow,
    SegmentRow,
    StageRow,
)

_SUMMED: dict[str, type[Row]] = {
    row.table: row
    for row in (
        RunsRow, DeviceRow, StageRow, ResultRow, SegmentRow, RuntimeRow, DeviceLookRow, HostRow, PipelineRow,
    )
}  # samples have a checksum of their own in `runs`  # fmt: skip
_SHARED = {
    "hosts": ("id", "host_id"),
    "pipelines": ("digest", "pipeline_digest"),
}  # of several runs: their key, runs'
_SINCE = 9  # the version that keeps checksums


def write(opened: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Keep the checksum of each table's rows of a run that has just been written, in its transaction.

    The columns are kept with it: those that a later version adds do not make an earlier run look changed.
    """
    for table, row in _SUMMED.items():
        columns = ",".join(row.model_fields)
        found = opened.execute(
            f"{_sums(table, columns)} WHERE {_key(table)} = ? GROUP BY ALL", [run_id]
        ).fetchone()
        if found:
            opened.execute(
                "INSERT INTO row_checksums VALUES (?, ?, ?, ?)", [run_id, table, columns, found[1]]
            )


def changed(opened: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return run, what, found and saved of each table of a run whose rows are not those that were saved."""
    wrong = []
    kinds = opened.execute("SELECT DISTINCT of_table, columns FROM row_checksums ORDER BY ALL").fetchall()
    for table, columns in kinds:
        if table not in _SUMMED or not set(columns.split(",")) <= set(_SUMMED[table].model_fields):
            wrong.append({"table": table, "what": "checksums", "found": columns, "saved": "known columns"})
            continue
        rows = opened.execute(
            f"SELECT kept.run_id, found.checksum, kept.checksum FROM row_checksums kept"
            f" LEFT JOIN ({_sums(table, columns)} GROUP BY ALL) found ON found.run_id = kept.run_id"
            " WHERE kept.of_table = ? AND kept.columns = ? AND found.checksum IS DISTINCT FROM kept.checksum"
            " ORDER BY kept.run_id",
            [table, columns],
        ).fetchall()
        wrong += [
            {"run": run, "what": f"rows of {table}", "found": found or "none", "saved": saved}
            for run, found, saved in rows
        ]
    bare = opened.execute(
        "SELECT id FROM runs WHERE id NOT IN (SELECT run_id FROM row_checksums) AND created_at >"
        " (SELECT min(applied_at) FROM schema_version WHERE version >= ?) ORDER BY id",
        [_SINCE],
    ).fetchall()
    return wrong + [
        {"run": run, "what": "checksums", "found": "none", "saved": "of every table"} for (run,) in bare
    ]


def without(opened: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the runs that have no checksums at all: of an earlier version, or taken away."""
    found = opened.execute(
        "SELECT id FROM runs WHERE id NOT IN (SELECT run_id FROM row_checksums)"
    ).fetchall()
    return [row[0] for row in found]


def _sums(table: str, columns: str) -> str:
    """Return SQL for run and checksum; both names are this package's own."""
    text = "md5(string_agg(saved::VARCHAR, chr(10) ORDER BY saved::VARCHAR))"
    source = f"(SELECT {columns} FROM {table}) saved"
    if table in _SHARED:
        own, theirs = _SHARED[table]
        source += f" JOIN runs ON runs.{theirs} = saved.{own}"
    return f"SELECT {_key(table)} AS run_id, {text} AS checksum FROM {source}"


def _key(table: str) -> str:
    if table in _SHARED:
        return "runs.id"
    return "saved.id" if table == "runs" else "saved.run_id"
