"""Checksums of what a run's rows say, so that a figure that was changed afterwards is told."""

from __future__ import annotations

from typing import Any

import duckdb

from cluster4npu.core.store.rows import DeviceRow, ResultRow, Row, RunsRow, SegmentRow, StageRow

_SUMMED: dict[str, type[Row]] = {
    row.table: row for row in (RunsRow, DeviceRow, StageRow, ResultRow, SegmentRow)
}  # samples have a checksum of their own in `runs`


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
    return wrong


def _sums(table: str, columns: str) -> str:
    """Return SQL for run and checksum; both names are this package's own."""
    text = "md5(string_agg(saved::VARCHAR, chr(10) ORDER BY saved::VARCHAR))"
    return f"SELECT {_key(table)} AS run_id, {text} AS checksum FROM (SELECT {columns} FROM {table}) saved"


def _key(table: str) -> str:
    return "saved.id" if table == "runs" else "saved.run_id"
