"""DuckDB engines kept for the next use: to make one takes ten times as long as to attach a file to one."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import duckdb

BLOCK_BYTES = 65_536  # of a new file: small stores take a third of what DuckDB's 256 KiB make of them
_KEPT = 2  # idle ones: each has a few sleeping threads and holds no file
_THREADS = 4  # for large files; a small one is read sooner by one than several agree on who reads what
_SMALL_BYTES = 8 * 1024 * 1024  # about the results that DuckDB keeps in one row group, which one thread reads
_NAME = "store"
_NO_GAIN = (
    "compressed_materialization"  # saves memory that our sorts do not need, for a tenth of a question's time
)

_idle: dict[int, list[duckdb.DuckDBPyConnection]] = {}  # by their number of threads
_lock = threading.Lock()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attached:
    """A file in an engine of its own; `opened` sees it as its only database until `close`."""

    engine: duckdb.DuckDBPyConnection
    opened: duckdb.DuckDBPyConnection
    threads: int

    def close(self, *, keep: bool) -> None:
        """Write the write-ahead log into the file and let go of it; open transactions are rolled back.

        Without `keep`, which is for where something has failed, the engine goes, too.
        """
        self.opened.close()
        if keep and _detached(self.engine):
            _give_back(self.engine, self.threads)
        else:
            self.engine.close()


def attach(path: Path, *, read_only: bool) -> Attached:
    """Attach a database file, made if it is missing and not read only; raises duckdb.Error."""
    threads = _threads(path)
    engine = _take(threads)
    try:
        how = "TYPE duckdb, READ_ONLY" if read_only else "TYPE duckdb"
        engine.execute(f"ATTACH {literal(path.absolute())} AS {_NAME} ({how})")
        opened = engine.cursor()  # what is left in a connection (views, settings, transactions) goes with it
        opened.execute(f"USE {_NAME}")
    except BaseException:
        engine.close()
        raise
    return Attached(engine, opened, threads)


def literal(path: Path) -> str:
    """Return a path as an SQL string: COPY and ATTACH take no parameters."""
    return "'" + str(path).replace("'", "''") + "'"


def _detached(engine: duckdb.DuckDBPyConnection) -> bool:
    try:
        engine.execute(f"DETACH {_NAME}")
    except duckdb.Error as error:  # what was committed stays in the log, which the next opening reads
        _log.info("a store's file could not be detached: %s", error)
        return False
    return True


def _threads(path: Path) -> int:
    try:
        small = path.stat().st_size < _SMALL_BYTES
    except OSError:  # a new file, or one that the attaching will complain of
        small = True
    return 1 if small else min(_THREADS, os.cpu_count() or 1)


def _take(threads: int) -> duckdb.DuckDBPyConnection:
    with _lock:
        if _idle.get(threads):
            return _idle[threads].pop()
    engine = duckdb.connect(":memory:", config={"default_block_size": BLOCK_BYTES, "threads": threads})
    engine.execute(f"SET disabled_optimizers = '{_NO_GAIN}'")
    return engine


@atexit.register
def close_idle() -> None:
    """Close the engines that nobody uses: at the end of the program, DuckDB's binding complains of those it finds."""
    with _lock:
        for engines in _idle.values():
            while engines:
                engines.pop().close()


def _give_back(engine: duckdb.DuckDBPyConnection, threads: int) -> None:
    with _lock:
        idle = _idle.setdefault(threads, [])
        if len(idle) < _KEPT:
            idle.append(engine)
            return
    engine.close()
