"""Upkeep of the store: checking every row against what was saved, pruning, compacting, copying. SQL only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from cluster4npu.core.errors import InputError, Problem, StoreError
from cluster4npu.core.store import reading, sums
from cluster4npu.core.store.engines import literal
from cluster4npu.core.store.importing.tables import damaged_imports

_OWN = ("schema_version",)
OF_IMPORTS = ("training_results", "browser_results", "compatibility")  # what files say of just that


@dataclass(frozen=True, slots=True)
class Prune:
    """Which runs and imports go: those that fit all that is given. `keep` spares the newest of them."""

    older_than_days: float | None = None
    keep: int | None = None
    invalid: bool = False
    run_ids: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()  # file names, or beginnings of the content hash


def tables(opened: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of the store's tables."""
    found = opened.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary"
        " AND database_name = current_database() ORDER BY table_name"
    ).fetchall()
    return [row[0] for row in found]


def counts(opened: duckdb.DuckDBPyConnection, database: str = "") -> dict[str, int]:
    """Return the number of rows of each table, of this or of an attached database."""
    prefix = f"{quoted(database)}.main." if database else ""
    found = {}
    for table in tables(opened):
        row = opened.execute(f"SELECT count(*) FROM {prefix}{quoted(table)}").fetchone()
        found[table] = int(row[0]) if row else 0
    return found


def check(opened: duckdb.DuckDBPyConnection, path: Path) -> dict[str, Any]:
    """Compare every run's and import's rows with the counts and checksums saved with them.

    Returns runs, samples, imports (how many were checked) and wrong (one object for each that is not as it was saved,
    and for each table that cannot be read whole).
    """
    wrong = _unreadable(opened)
    samples = 0
    runs = opened.execute("SELECT id, result_rows, sample_rows FROM runs ORDER BY created_at, id").fetchall()
    for run_id, result_rows, sample_rows in runs:
        row = opened.execute("SELECT count(*) FROM results WHERE run_id = ?", [run_id]).fetchone()
        found = int(row[0]) if row else 0
        if found != result_rows:
            wrong.append({"run": run_id, "what": "result rows", "found": found, "saved": result_rows})
        try:
            samples += len(reading.samples(opened, run_id, path))
        except StoreError as error:
            told = error.problems[0]
            wrong.append({"run": run_id, "what": "samples", "found": told.found, "saved": sample_rows})
    wrong += sums.changed(opened)
    owners = [(table, "run_id", "runs", "id") for table in of_runs(opened)]
    owners += [(table, "import_sha256", "imports", "sha256") for table in OF_IMPORTS]
    for table, field, owner, key in owners:
        strays = opened.execute(
            f"SELECT count(*) FROM {quoted(table)} WHERE {field} IS NOT NULL"
            f" AND {field} NOT IN (SELECT {key} FROM {owner})"
        ).fetchone()
        if strays and strays[0]:
            what = f"rows of no {owner.removesuffix('s')}"
            wrong.append({"table": table, "what": what, "found": int(strays[0]), "saved": 0})
    imports, damaged = damaged_imports(opened)
    wrong += [{"what": "imported rows", **item} for item in damaged]
    return {"runs": len(runs), "samples": samples, "imports": imports, "wrong": wrong}


def _unreadable(opened: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Read every value of every table: a damaged block shows only when somebody reads it."""
    found = []
    for table in tables(opened):
        try:
            opened.execute(f"SELECT bit_xor(hash(t)) FROM {quoted(table)} t").fetchone()
        except duckdb.Error as error:
            told = str(error).splitlines()[0][:200]
            found.append({"table": table, "what": "damaged", "found": told, "saved": "readable"})
    return found


def of_runs(opened: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the tables whose rows belong to a run."""
    found = opened.execute(
        "SELECT DISTINCT table_name FROM duckdb_columns() WHERE column_name = 'run_id' AND NOT internal"
        " AND database_name = current_database() ORDER BY table_name"
    ).fetchall()
    return [row[0] for row in found]


def require_named(opened: duckdb.DuckDBPyConnection, rule: Prune) -> None:
    """Raise InputError for a run or an import that the rule names and that is not there."""
    for what, names, sql in (
        ("run", rule.run_ids, "SELECT count(*) FROM runs WHERE id = ?"),
        (
            "import",
            rule.imports,
            "SELECT count(*) FROM imports WHERE file_name = $1 OR starts_with(sha256, $1)",
        ),
    ):
        for name in names:
            row = opened.execute(sql, [name]).fetchone()
            if not row or not row[0]:
                raise InputError(
                    Problem(
                        f"there is no {what} of this name",
                        field=f"--{what}",
                        found=name,
                        hint="`cluster4npu db query` lists them. Nothing was deleted.",
                    )
                )


def fitting_runs(opened: duckdb.DuckDBPyConnection, rule: Prune) -> list[tuple[str, str]]:
    """Return id and headline of the runs that a rule takes, newest first."""
    if rule.older_than_days is None and rule.keep is None and not rule.invalid and not rule.run_ids:
        return []
    before = None
    if rule.older_than_days is not None:
        before = (datetime.now(UTC) - timedelta(days=rule.older_than_days)).replace(tzinfo=None)
    found = opened.execute(
        "SELECT id, headline FROM runs WHERE (?::TIMESTAMP IS NULL OR created_at < ?) AND (NOT ? OR NOT valid)"
        " AND (len(?::VARCHAR[]) = 0 OR id IN (SELECT unnest(?::VARCHAR[])))"
        " ORDER BY created_at DESC, id DESC OFFSET ?",
        [before, before, rule.invalid, list(rule.run_ids), list(rule.run_ids), rule.keep or 0],
    ).fetchall()
    return [(row[0], row[1]) for row in found]


def fitting_imports(opened: duckdb.DuckDBPyConnection, rule: Prune) -> list[tuple[str, str]]:
    """Return content hash and file name of the imports that a rule names."""
    found = opened.execute("SELECT sha256, file_name FROM imports ORDER BY imported_at DESC").fetchall()
    return [
        (sha256, name) for sha256, name in found
        if any(name == wanted or (len(wanted) >= 6 and sha256.startswith(wanted)) for wanted in rule.imports)
    ]  # fmt: skip


def delete(opened: duckdb.DuckDBPyConnection, runs: list[str], imports: list[str]) -> int:
    """Delete runs and imports with all their rows, and what nothing refers to then; return the rows deleted."""
    before = sum(counts(opened).values())
    opened.execute("BEGIN")
    for table in of_runs(opened):
        opened.execute(f"DELETE FROM {quoted(table)} WHERE run_id IN (SELECT unnest(?::VARCHAR[]))", [runs])
    opened.execute("DELETE FROM runs WHERE id IN (SELECT unnest(?::VARCHAR[]))", [runs])
    for table in OF_IMPORTS:
        opened.execute(f"DELETE FROM {table} WHERE import_sha256 IN (SELECT unnest(?::VARCHAR[]))", [imports])
    for table in ("imported_measurements", "imports"):
        opened.execute(f"DELETE FROM {table} WHERE sha256 IN (SELECT unnest(?::VARCHAR[]))", [imports])
    for table, key, used in (("pipelines", "digest", "pipeline_digest"), ("models", "sha256", "model_sha256"),
                             ("hosts", "id", "host_id")):  # fmt: skip
        opened.execute(
            f"DELETE FROM {table} WHERE {key} NOT IN (SELECT {used} FROM runs WHERE {used} IS NOT NULL)"
        )
    opened.execute("COMMIT")
    return before - sum(counts(opened).values())


def copy_to(opened: duckdb.DuckDBPyConnection, target: Path) -> dict[str, int]:
    """Copy the whole database into a new file, compare the rows of each table, and return how many there are."""
    row = opened.execute("SELECT current_database()").fetchone()
    source = str(row[0]) if row else ""
    opened.execute(f"ATTACH {literal(target)} AS copy_of_store (TYPE duckdb)")
    try:
        opened.execute(f"COPY FROM DATABASE {quoted(source)} TO copy_of_store")
        here, there = counts(opened), counts(opened, "copy_of_store")
    finally:
        opened.execute("DETACH copy_of_store")
    if here != there:
        raise StoreError(f"the copy {target} holds other rows than the store")
    return here


def write_parquet(opened: duckdb.DuckDBPyConnection, folder: Path) -> dict[str, int]:
    """Write each table as a Parquet file into a folder and return the number of rows of each."""
    for table in tables(opened):
        opened.execute(
            f"COPY (SELECT * FROM {quoted(table)}) TO {literal(folder / f'{table}.parquet')}"
            " (FORMAT parquet, COMPRESSION zstd)"
        )
    return counts(opened)


def read_parquet(opened: duckdb.DuckDBPyConnection, folder: Path, names: list[str]) -> dict[str, int]:
    """Fill the empty tables from Parquet files in one transaction and return the number of rows of each."""
    opened.execute("BEGIN")
    for table in names:
        if table in _OWN:
            continue
        opened.execute(
            f"INSERT INTO {quoted(table)} BY NAME SELECT * FROM read_parquet(?)",
            [str(folder / f"{table}.parquet")],
        )
    opened.execute("COMMIT")
    opened.execute("CHECKPOINT")
    return counts(opened)


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
