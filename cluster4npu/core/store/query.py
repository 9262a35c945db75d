"""Questions in SQL that a user types: one reading statement, no files, no settings, no network."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.store.database import DamagedError, sealed, translate
from cluster4npu.core.store.records import Table

T = TypeVar("T")

_CONFIG = {
    "enable_external_access": False,
    "lock_configuration": True,
    "python_enable_replacements": False,  # else a query could read this program's variables
    "temp_directory": "",
    "memory_limit": "512MB",  # also bounds one cell, which no timer can interrupt
}
_LONGEST = 100_000  # characters
_DEEPEST = 100  # open brackets: DuckDB's parser takes half a minute for thousands of them
_LOOK_S = 0.05
_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


def ask(path: Path, sql: str, limit: int, timeout_s: float, wait_s: float | None = None) -> Table:
    """Answer one SELECT with at most `limit` rows; raises InputError naming what is wrong with it.

    `wait_s` is how long another process may hold the file; raises LockedError then.
    """
    if len(sql) > _LONGEST or _depth(sql) > _DEEPEST:
        raise _wrong(f"{len(sql)} characters, {_depth(sql)} brackets deep")
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise _wrong(str(error)) from error
    if len(statements) != 1 or statements[0].type not in _READING:
        raise _wrong(f"{len(statements)} statements" if len(statements) != 1 else statements[0].type.name)
    with sealed(path, _CONFIG, wait_s) as opened:

        def answer() -> tuple[tuple[str, ...], list[tuple[Any, ...]], bool]:
            found = opened.execute(statements[0])
            names = tuple(str(column[0]) for column in found.description or ())
            return names, *_fetch(found, limit, time.monotonic() + timeout_s)

        try:
            columns, kept, more = _watched(opened, answer, timeout_s)
        except duckdb.InterruptException as error:
            raise _wrong(f"no answer within {timeout_s:g} s") from error
        except duckdb.Error as error:
            if isinstance(damage := translate(error, path), DamagedError):
                raise damage from error
            raise _wrong(str(error)) from error
    return Table(_unique(columns), tuple(kept), truncated=more)


def _watched(opened: duckdb.DuckDBPyConnection, answer: Callable[[], T], timeout_s: float) -> T:
    """Return the answer, made on a thread: DuckDB looks for signals at times only, and this thread would not see them.

    Interrupts the query after `timeout_s`, and when this thread is interrupted itself.
    """
    found: list[T] = []
    failed: list[BaseException] = []
    done = threading.Event()  # a thread that is joined when Ctrl-C comes is taken for one that has ended

    def work() -> None:
        try:
            found.append(answer())
        except BaseException as error:  # told by the thread that waits
            failed.append(error)
        finally:
            done.set()

    until = time.monotonic() + timeout_s
    threading.Thread(target=work, name="query", daemon=True).start()
    try:
        while not done.wait(_LOOK_S):
            if time.monotonic() > until:
                opened.interrupt()
    except BaseException:
        opened.interrupt()
        done.wait()
        raise
    if failed:
        raise failed[0]
    return found[0]


def _fetch(
    answer: duckdb.DuckDBPyConnection, limit: int, until_s: float
) -> tuple[list[tuple[Any, ...]], bool]:
    """Return up to `limit` rows as JSON can hold them, and whether there are more; raises InputError when late.

    Row by row, since one cell may be a list of millions: making them into Python's values takes longer than the query.
    """
    kept: list[tuple[Any, ...]] = []
    while (row := answer.fetchone()) is not None:
        if len(kept) == limit:
            return kept, True
        kept.append(tuple(_plain(value) for value in row))
        if time.monotonic() > until_s:
            raise _wrong(f"not all of the answer within the time allowed: {len(kept)} rows")
    return kept, False


def _wrong(found: str) -> InputError:
    return InputError(
        Problem(
            "this query cannot be answered",
            field="sql",
            found=" ".join(found.split())[:400],
            allowed="one SELECT over the store's own tables",
            hint="`cluster4npu db info` lists the tables.",
        )
    )


def _depth(sql: str) -> int:
    """Return how many brackets are open at once, at most (quotes are not looked at)."""
    depth = deepest = 0
    for character in sql:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth = max(0, depth - 1)
    return deepest


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    """Tell columns of equal name apart, so that a row can be an object."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return tuple(unique)


def _plain(value: Any) -> Any:
    """Return the value as JSON can hold it; not-a-number and infinity become None."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date | time_of_day):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return str(value)
