"""The tables and how they came about: numbered SQL files, applied in order, data backed up before."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb

from cluster4npu.core.errors import Problem, RefusedError
from cluster4npu.core.store.engines import literal

_VERSIONS = (
    "CREATE TABLE IF NOT EXISTS schema_version"
    " (version INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL, backup VARCHAR NOT NULL)"
)
_NAME = re.compile(r"^(\d{4})_\w+\.sql$")


@cache
def migrations() -> dict[int, str]:
    """Return the SQL of every schema version, oldest first."""
    folder = files(__package__) / "migrations"
    found = [(match, item) for item in folder.iterdir() if (match := _NAME.match(item.name))]
    return {int(match[1]): item.read_text("utf-8") for match, item in sorted(found, key=lambda f: f[0][1])}


def current_version() -> int:
    """Return the version that this program writes."""
    return max(migrations())


def statements() -> list[str]:
    """Return the SQL that makes the current version's tables in an empty database."""
    note = f"INSERT INTO schema_version VALUES ({current_version()}, TIMESTAMP '1970-01-01', '')"
    return [_VERSIONS, *migrations().values(), note]


def version_of(opened: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Return the file's version, 0 when it is empty; raises RefusedError when it is someone else's or newer."""
    tables = {
        row[0]
        for row in opened.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
    }
    if not tables:
        return 0
    if "schema_version" not in tables:
        raise RefusedError(
            Problem(
                "this database is not a result store",
                found=f"{path} with the tables {', '.join(sorted(tables)[:5])}",
                hint="Name another file with --store; this one was not touched.",
            )
        )
    row = opened.execute("SELECT max(version) FROM schema_version").fetchone()
    version = int(row[0]) if row and row[0] is not None else 0
    if version > current_version():
        raise RefusedError(
            Problem(
                "the result store was written by a newer version of this program",
                found=f"{path} in version {version}",
                allowed=f"up to {current_version()}",
                hint="Update Cluster4NPU, or name another file with --store. The file was not changed.",
            )
        )
    return version


def migrate(opened: duckdb.DuckDBPyConnection, path: Path) -> Path | None:
    """Bring the file to the current version in one transaction; return the backup of what was there."""
    version = version_of(opened, path)
    if version == current_version():
        return None
    backup = _backup(opened, path, version) if version else None
    opened.execute("BEGIN")
    opened.execute(_VERSIONS)
    for number, sql in migrations().items():
        if number > version:
            opened.execute(sql)
            now = datetime.now(UTC).replace(tzinfo=None)
            opened.execute(
                "INSERT INTO schema_version VALUES (?, ?, ?)", [number, now, backup.name if backup else ""]
            )
    opened.execute("COMMIT")
    opened.execute("CHECKPOINT")
    return backup


def _backup(opened: duckdb.DuckDBPyConnection, path: Path, version: int) -> Path:
    """Copy the whole database beside itself: by DuckDB, since reading the file would give up its lock."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    target = path.with_name(f"{path.stem}.version{version}-{stamp}{path.suffix}")
    row = opened.execute("SELECT current_database()").fetchone()
    source = str(row[0] if row else path.stem).replace('"', '""')
    opened.execute(f"ATTACH {literal(target)} AS backup_copy (TYPE duckdb)")
    opened.execute(f'COPY FROM DATABASE "{source}" TO backup_copy')
    opened.execute("DETACH backup_copy")
    return target
