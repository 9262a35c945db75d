"""The store itself: saves runs whole or not at all, and reads them back. One process at a time writes."""

from __future__ import annotations

import logging
import platform
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import duckdb
import numpy as np

from cluster4npu.core.devices.history import Sample
from cluster4npu.core.errors import InputError, Problem, RefusedError, StoreError, nearest
from cluster4npu.core.settings import default_store_path
from cluster4npu.core.store import query, readers, reading, schema, writing
from cluster4npu.core.store.database import (
    DamagedError,
    LockedError,
    check_place,
    check_room,
    connection,
    guard,
    put_in_place,
    set_aside,
    unusable,
)
from cluster4npu.core.store.device_looks import device_looks
from cluster4npu.core.store.device_runs import DeviceRun, device_runs
from cluster4npu.core.store.records import DeviceRecord, ModelRecord, RunRecord, RunRow, SegmentRecord, Table
from cluster4npu.core.store.rows import Row
from cluster4npu.core.store.table import TableAccess

_NAMED = 10  # of lost runs
_BEFORE_COPY_S = 0.25  # how long a reader waits before it takes the copy
_log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R", bound=Row)


class Store:
    """One DuckDB file with results. The file is opened anew, for a moment, by each method.

    Entering a `with` block makes the file if it is missing, migrates an older one (after a backup copy) and
    sets a damaged one aside, where it is known to have been a store; whatever was done so is told in `notices`, in
    plain words. Methods do the same on first use. While another process holds the file, lists, runs, figures and
    queries come from the copy for readers, which `notices` says. Every method may raise StoreError: another process
    holds the file, the disk is full, no right to write, a file of somebody else's.

    >>> with Store(default_store_path()) as store:
    ...     run_id = store.save(record)
    ...     newest = store.runs(limit=10)
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.notices: list[str] = []
        self._ready = False

    def __enter__(self) -> Store:
        copy = readers.copy_path(self.path)
        try:
            self._prepare(_BEFORE_COPY_S if copy.exists() else None)
        except LockedError as error:
            if not copy.exists():
                raise
            self._from_copy(copy, lambda _path, _wait_s: None, error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._ready = False

    def require_writable(self) -> None:
        """Raise StoreError now when `save` could not write: for those who measure long before they save.

        A store that is not there is not made yet: who gives up before there is anything to keep leaves no file.
        """
        if not self._ready and not self.path.exists():
            check_place(self.path)
            check_room(self.path)
            return
        self._prepare()
        try:
            with connection(self.path, read_only=False):
                pass
        except DamagedError as error:
            raise self._damaged(error) from error

    def save(self, record: RunRecord) -> str:
        """Write one run in one transaction and return its id. The run is on the disk when this returns."""
        return self.writing(lambda opened: writing.write(opened, record), changed=())

    def save_compatibility(
        self, model: ModelRecord, devices: Sequence[DeviceRecord], conditions: dict[str, Any]
    ) -> None:
        """Keep what was seen of a model on devices outside of a run; it replaces what was seen there earlier."""

        def do(opened: duckdb.DuckDBPyConnection) -> None:
            opened.execute("BEGIN")
            writing.write_compatibility(opened, model, devices, conditions)
            opened.execute("COMMIT")

        self.writing(do, changed=("compatibility", "models", "hosts"))

    def runs(self, limit: int = 100, kind: str | None = None) -> list[RunRow]:
        """Return the newest runs, of one kind or of all, newest first."""
        return self.looking(lambda opened: reading.runs(opened, limit, kind))

    def run(self, run_id: str) -> RunRecord:
        """Return one run without its samples; a beginning of the id that fits only one run will do.

        Raises InputError with the nearest id when there is no such run.
        """
        return self.looking(lambda opened: reading.run(opened, self._whole_id(opened, run_id)))

    def latest(self, kind: str, pipeline_digest: str) -> RunRecord | None:
        """Return the newest run of this kind of the pipeline with this digest, without samples, or None."""
        return self.looking(lambda opened: reading.latest(opened, kind, pipeline_digest))

    def segments(self, run_id: str) -> tuple[SegmentRecord, ...]:
        """Return a run's segments with their samples; raises as `run` and `samples` do."""
        samples = self.samples(run_id)
        return self.reading(lambda opened: reading.segments(opened, self._whole_id(opened, run_id), samples))

    def samples(self, run_id: str) -> np.ndarray:
        """Return each frame's stamps, in the order in which they were saved, as a 1-D `records.SAMPLE` array.

        Raises StoreError when rows are missing or changed since they were saved (row count and checksum).
        """
        return self.reading(lambda opened: reading.samples(opened, self._whole_id(opened, run_id), self.path))

    def device_runs(self, device: str) -> tuple[DeviceRun, ...]:
        """Return what a device (its id without options) did in the newest runs, oldest first."""
        return self.reading(lambda opened: device_runs(opened, device))

    def device_looks(self, device: str) -> tuple[Sample, ...]:
        """Return how a device (its id without options) of this machine was in the newest runs, oldest first."""
        return self.looking(lambda opened: device_looks(opened, device, platform.node()))

    def mark_baseline(self, run_id: str) -> str:
        """Mark a run as one with which new ones are compared, and return its whole id; raises as `run` does."""
        whole = self.reading(lambda opened: self._whole_id(opened, run_id))
        self.writing(lambda opened: writing.mark_baseline(opened, whole), changed=())
        return whole

    def baselines(self) -> list[str]:
        """Return the ids of the marked runs, the latest mark first."""
        return self.looking(reading.baselines)

    def info(self) -> dict[str, Any]:
        """Return path, size in bytes, schema version, and the number of rows of each table."""
        return self.looking(lambda opened: reading.info(opened, self.path))

    def query(self, sql: str, limit: int = 10_000, timeout_s: float = 60.0) -> Table:
        """Answer one SELECT on a read-only connection without access to files or settings.

        Raises InputError when it is no single SELECT, is wrong, or takes longer than `timeout_s`.
        """
        return self._looked(lambda path, wait_s: query.ask(path, sql, limit, timeout_s, wait_s))

    def table(self, kind: type[R]) -> TableAccess[R]:
        """Return one table as typed records: `store.table(ResultRow).find(device="onnx:cpu", order="-fps")`."""
        return TableAccess(kind, self.looking, partial(self.writing, changed=(kind.table,)))

    def writing(
        self, do: Callable[[duckdb.DuckDBPyConnection], T], *, changed: Collection[str] | None = None
    ) -> T:
        """Call a function of this package with a connection that may write, and return its answer.

        `changed` names the tables in which it changes rows; (): it only adds or removes whole runs and imports; None:
        any, and the copy for readers is made anew.
        """
        self._prepare()
        if changed is None:
            readers.drop(self.path)
        try:
            with connection(self.path, read_only=False) as opened:
                answer = do(opened)
                readers.follow(opened, self.path, changed)
                return answer
        except DamagedError as error:
            raise self._damaged(error) from error

    def reading(self, ask: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Call a function of this package with a connection that only reads, and return its answer.

        It sees raw samples too, so there is no copy for it: raises LockedError while another process holds the file.
        """
        self._prepare()
        try:
            with connection(self.path, read_only=True) as opened:
                return ask(opened)
        except DamagedError as error:
            raise self._damaged(error) from error

    def looking(self, ask: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """As `reading`, for what needs no raw samples: another process that holds the file leaves the copy to read."""

        def look(path: Path, wait_s: float | None) -> T:
            with connection(path, read_only=True, wait_s=wait_s) as opened:
                return ask(opened)

        return self._looked(look)

    def _looked(self, look: Callable[[Path, float | None], T]) -> T:
        """Call `look` with the store's path, or with that of the copy while another process holds the store."""
        copy = readers.copy_path(self.path)
        wait_s = _BEFORE_COPY_S if copy.exists() else None
        try:
            self._prepare(wait_s)
            return look(self.path, wait_s)
        except DamagedError as error:
            raise self._damaged(error) from error
        except LockedError as error:
            if not copy.exists():
                raise
            return self._from_copy(copy, look, error)

    def _from_copy(self, copy: Path, look: Callable[[Path, float | None], T], locked: LockedError) -> T:
        """Read the copy; raises `locked` where it is of no use."""
        try:
            with connection(copy, read_only=True) as opened:
                if schema.version_of(opened, copy) != schema.current_version():
                    raise locked
            answer = look(copy, None)
        except (DamagedError, OSError) as error:
            raise locked from error
        when = datetime.fromtimestamp(copy.stat().st_mtime, UTC).astimezone()
        self._notice(
            f"{locked.problems[0].found}. What you see is its copy of {when:%Y-%m-%d %H:%M:%S}, without raw samples."
        )
        return answer

    def _prepare(self, wait_s: float | None = None) -> None:
        """Make, check or migrate the file, once."""
        if self._ready:
            return
        with guard(self.path):
            try:
                check_place(self.path)
                self._bring_up_to_date(wait_s)
            except DamagedError as error:
                self._require_ours(error)
                aside = set_aside(self.path)
                self._notice(
                    f"The result store {self.path} is damaged ({error}). It was kept as {aside.name}, "
                    "and a new, empty one was started."
                )
                self._bring_up_to_date()
            self._tell_losses()
        self._ready = True

    def _require_ours(self, error: DamagedError) -> None:
        """Refuse to put another file in the place of one that was never seen to be a store: it may be somebody's."""
        if self.path == default_store_path() or readers.copy_path(self.path).exists():
            return
        raise RefusedError(
            Problem(
                "this file is no result store, or one that is damaged",
                found=f"{self.path} ({error})",
                allowed="a store of this program, or a new name",
                hint="It was not touched. If it was a store, move it away; else name another file with --store.",
            )
        ) from error

    def _tell_losses(self) -> None:
        """Name runs that are not there any more: DuckDB opens some damaged files silently short."""
        if lost := readers.missing_runs(self.path):
            kept = readers.set_copy_aside(self.path)
            more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
            self._notice(
                f"{len(lost)} runs are lost from {self.path}: {', '.join(lost[-_NAMED:])}{more}. Their figures "
                f"are kept in {kept.name}, which --store opens."
            )

    def _bring_up_to_date(self, wait_s: float | None = None) -> None:
        if self.path.exists():
            with connection(self.path, read_only=True, wait_s=wait_s) as opened:
                if schema.version_of(opened, self.path) == schema.current_version():
                    return
        else:
            self._make()
            return
        with connection(self.path, read_only=False) as opened:
            backup = schema.migrate(opened, self.path)
        if backup is not None:
            self._notice(
                f"The result store was brought to a new version; the old one was kept as {backup.name}."
            )

    def _make(self) -> None:
        """Make a new store under another name first: what a full disk leaves of it is no store, nor in its place."""
        part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        try:
            with connection(part, read_only=False) as opened:
                schema.migrate(opened, part)
            put_in_place(part, self.path)
        except OSError as error:
            raise unusable(self.path, error) from error
        finally:
            for left in (part, part.with_name(f"{part.name}.wal")):
                left.unlink(missing_ok=True)

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)
            _log.warning(text)

    def _damaged(self, error: DamagedError) -> StoreError:
        return StoreError(
            Problem(
                "a part of the result store is damaged",
                found=f"{self.path}: {error}",
                hint="Other runs in it may still be readable. To start a new store, rename this file, or name "
                "another one with --store.",
            )
        )

    def _whole_id(self, opened: duckdb.DuckDBPyConnection, run_id: str) -> str:
        known = reading.ids(opened)
        fitting = [known_id for known_id in known if known_id.startswith(run_id)] if run_id else []
        if run_id in fitting:
            return run_id
        if len(fitting) == 1:
            return fitting[0]
        raise InputError(
            Problem(
                "several runs begin with this id" if fitting else "there is no run with this id",
                field="run_id",
                found=run_id,
                allowed=", ".join(fitting[:5] or known[:5]) or "none yet: the store is empty",
                hint=nearest(run_id, known)
                or '`cluster4npu db query "SELECT id, headline FROM runs"` lists them.',
            )
        )
