"""The tables of imports: one file in, with all its rows or not at all, and out again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

import duckdb

from cluster4npu.core.store.importing.kinds import rows_of_kinds
from cluster4npu.core.store.importing.model import Recognised
from cluster4npu.core.store.importing.reading import Source

IMPORTER_VERSION = 5
COLUMNS = (
    "path", "model", "device", "batch_size", "sequence_length", "precision", "variant", "recorded_at", "metric",
    "statistic", "sample", "value", "unit", "source_value", "source_unit", "unit_rule", "provenance", "status", "error",
    "scope", "record_digest",
)  # fmt: skip
_NAMES = ", ".join(COLUMNS)
_TYPES = {"batch_size": int, "sequence_length": int, "sample": int, "value": float, "source_value": float}


def is_known(opened: duckdb.DuckDBPyConnection, sha256: str, content_sha256: str = "") -> bool:
    """Tell whether a file of these bytes, or of this JSON however it was laid out, was imported."""
    row = opened.execute(
        "SELECT count(*) FROM imports WHERE sha256 = ? OR content_sha256 = ?", [sha256, content_sha256]
    ).fetchone()
    return bool(row and row[0])


def known_digests(opened: duckdb.DuckDBPyConnection, digests: set[str]) -> dict[str, str]:
    """Return those records' digests that stand in the store, with the file that each came from."""
    found = opened.execute(
        "SELECT DISTINCT m.record_digest, i.file_name FROM imported_measurements m JOIN imports i USING (sha256)"
        " WHERE m.record_digest IN (SELECT unnest(?::VARCHAR[]))",
        [sorted(digests)],
    ).fetchall()
    return dict(found)


def write_file(opened: duckdb.DuckDBPyConnection, source: Source, file_name: str, found: Recognised) -> None:
    """Write one file's import in one transaction."""
    sha256 = source.sha256
    rows = [astuple(row) for row in found.rows]
    failures = sum(row.metric == "failure" for row in found.rows)
    now = datetime.now(UTC).replace(tzinfo=None)
    opened.execute("BEGIN")
    opened.execute(
        "INSERT INTO imports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            sha256, file_name, source.size, now, IMPORTER_VERSION, found.shape,
            found.numbers, len(rows) - failures, failures, json.dumps(found.skipped),
            json.dumps(found.unknown_fields), json.dumps(found.notes), checksum(rows),
            source.content_sha256,
        ],
    )  # fmt: skip
    for start in range(0, len(rows), 50_000):
        part = [[row[column] for row in rows[start : start + 50_000]] for column in range(len(COLUMNS))]
        casts = ", ".join(f"unnest(?::{_sql_type(name)}[])" for name in COLUMNS)
        opened.execute(
            f"INSERT INTO imported_measurements (sha256, position, {_NAMES})"
            f" SELECT ?, unnest(range(?, ?)), {casts}",
            [sha256, start, start + len(part[0]), *part],
        )
    for extra in rows_of_kinds(found.records, sha256, now):
        values = extra.model_dump()
        marks = ", ".join("?" for _ in values)
        names = ", ".join(values)  # of a record of this package
        opened.execute(f"INSERT INTO {extra.table} ({names}) VALUES ({marks})", list(values.values()))
    opened.execute("COMMIT")


def read_rows(opened: duckdb.DuckDBPyConnection, sha256: str) -> list[tuple[Any, ...]]:
    """Return a file's rows in order, as `write_file` got them."""
    return opened.execute(
        f"SELECT {_NAMES} FROM imported_measurements WHERE sha256 = ? ORDER BY position", [sha256]
    ).fetchall()


def checksum(rows: list[tuple[Any, ...]]) -> str:
    """Return the BLAKE2b digest (128 bit, hex) of rows in order."""
    state = hashlib.blake2b(digest_size=16)
    for row in rows:
        state.update(json.dumps(row).encode())
    return state.hexdigest()


def damaged_imports(opened: duckdb.DuckDBPyConnection) -> tuple[int, list[dict[str, Any]]]:
    """Return how many imports there are, and those whose rows are not as they were written."""
    kept = opened.execute(
        "SELECT sha256, file_name, measurements + failures, checksum FROM imports ORDER BY imported_at"
    ).fetchall()
    wrong = []
    for sha256, name, count, digest in kept:
        rows = read_rows(opened, sha256)
        if len(rows) != count or checksum(rows) != digest:
            wrong.append({"import": sha256[:12], "file": name, "rows": len(rows), "saved_rows": count})
    return len(kept), wrong


def rows_of(found: Recognised) -> list[tuple[Any, ...]]:
    """Return a recognised file's rows as they are stored."""
    return [astuple(row) for row in found.rows]


def _sql_type(name: str) -> str:
    return {int: "BIGINT", float: "DOUBLE"}.get(_TYPES.get(name, str), "VARCHAR")
