"""The copy for readers, beside the store and without raw samples: what they see while another process holds the file.

It follows every write, in the writer's own connection. It can be made anew from the store at any time, so that nothing
is lost with it: one that is damaged, of another version or in use is left out until the next write.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cluster4npu.core.errors import StoreError
from cluster4npu.core.store import schema
from cluster4npu.core.store.database import DamagedError, connection
from cluster4npu.core.store.engines import literal
from cluster4npu.core.store.rows import ROWS, RunsRow, SampleRow

_NAME = "copy_for_readers"
_SMALL = ("hosts", "models", "pipelines", "baselines", "compatibility")
_log = logging.getLogger(__name__)


def copy_path(path: Path) -> Path:
    """Return where the copy of this store is."""
    return path.with_name(f"{path.stem}.readers{path.suffix}")


def drop(path: Path) -> None:
    """Remove the copy, before something is done after which it would tell of runs that were rightly deleted."""
    with contextlib.suppress(OSError):  # on Windows a reader may have it open
        copy_path(path).unlink(missing_ok=True)


def missing_runs(path: Path) -> list[str]:
    """Return the ids of runs that the copy has and the store has not: they were acknowledged, and are lost.

    Raises what `connection` does for the store; a copy that cannot be read knows of nothing.
    """
    copy = copy_path(path)
    if not copy.exists():
        return []
    with connection(path, read_only=True) as opened:
        kept = {row[0] for row in opened.execute("SELECT id FROM runs").fetchall()}
    try:
        with connection(copy, read_only=True, wait_s=0.0) as opened:
            known = [
                row[0] for row in opened.execute("SELECT id FROM runs ORDER BY created_at, id").fetchall()
            ]
    except (DamagedError, StoreError):
        return []
    return [run_id for run_id in known if run_id not in kept]


def set_copy_aside(path: Path) -> Path:
    """Keep the copy under another name, as the last that is known of what was lost; return it."""
    copy, stamp = copy_path(path), datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    return copy.rename(path.with_name(f"{path.stem}.lost-{stamp}{path.suffix}"))


def follow(opened: duckdb.DuckDBPyConnection, path: Path, changed: Collection[str] | None) -> None:
    """Bring the copy up to date. Runs and imports that came or went are found; `changed` names tables in which other
    rows were changed, None: any.
    """
    target = copy_path(path)
    try:
        with _attached(opened, target):
            opened.execute("BEGIN")
            try:
                _take_over(opened, changed or ())
            except duckdb.Error:
                opened.execute("ROLLBACK")
                raise
            opened.execute("COMMIT")
    except (duckdb.Error, OSError) as error:
        _log.info("the copy for readers could not be brought up to date: %s", error)
        with contextlib.suppress(
            OSError
        ):  # on Windows a reader may have it open; its old state is better than none
            target.unlink(missing_ok=True)


@contextlib.contextmanager
def _attached(opened: duckdb.DuckDBPyConnection, target: Path) -> Iterator[None]:
    """Attach the copy for a moment, made if missing or of another version."""
    row = opened.execute("SELECT current_database()").fetchone()
    store = str(row[0] if row else "").replace('"', '""')
    is_new = not target.exists()
    opened.execute(f"ATTACH {literal(target)} AS {_NAME} (TYPE duckdb)")
    try:
        if is_new:
            opened.execute(f"USE {_NAME}")
            try:
                for sql in schema.statements():
                    opened.execute(sql)
            finally:
                opened.execute(f'USE "{store}"')
        yield
    finally:
        opened.execute(f"DETACH {_NAME}")


def _take_over(opened: duckdb.DuckDBPyConnection, changed: Collection[str]) -> None:
    """Add what came and remove what went, of runs and imports; small tables, and changed ones, are written whole."""
    runs, imports = _difference(opened, "runs", "id"), _difference(opened, "imports", "sha256")
    steps = {"run_id": runs, "sha256": imports, "import_sha256": imports}
    for kind in ROWS:
        if kind is SampleRow:
            continue
        fields = [name for name in steps if name in kind.model_fields]
        if kind is RunsRow:
            _keep_in_step(opened, kind.table, "id", *steps["run_id"])
        elif kind.table in changed or kind.table in _SMALL:
            opened.execute(f"DELETE FROM {_NAME}.{kind.table}")
            opened.execute(f"INSERT INTO {_NAME}.{kind.table} SELECT * FROM {kind.table}")
        else:
            for field in fields:
                _keep_in_step(opened, kind.table, field, *steps[field])


def _difference(opened: duckdb.DuckDBPyConnection, table: str, key: str) -> tuple[list[str], list[str]]:
    """Return the keys that the copy has not, and those that the store has not any more."""
    sides = (table, f"{_NAME}.{table}")
    came, went = (
        [row[0] for row in opened.execute(f"SELECT {key} FROM {a} EXCEPT SELECT {key} FROM {b}").fetchall()]
        for a, b in (sides, sides[::-1])
    )
    return came, went


def _keep_in_step(
    opened: duckdb.DuckDBPyConnection, table: str, field: str, came: list[str], went: list[str]
) -> None:
    """Take the rows of these owners over, and remove those of owners that are gone (names are this module's own)."""
    if went:
        opened.execute(f"DELETE FROM {_NAME}.{table} WHERE {field} IN (SELECT unnest(?::VARCHAR[]))", [went])
    if came:
        opened.execute(
            f"INSERT INTO {_NAME}.{table} SELECT * FROM {table} WHERE {field} IN (SELECT unnest(?::VARCHAR[]))",
            [came],
        )
