"""What one does with a whole store: import, check, prune, compact, copy, export, and bring back."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from cluster4npu.core.errors import InputError, Problem, StoreError
from cluster4npu.core.reasons import reason_of
from cluster4npu.core.store import maintenance, manifest, schema
from cluster4npu.core.store.database import DamagedError, connection, guard, translate
from cluster4npu.core.store.importing.importer import FileReport, import_paths, verify
from cluster4npu.core.store.maintenance import Prune
from cluster4npu.core.store.readers import copy_path, drop
from cluster4npu.core.store.store import Store


class Keeper:
    """The upkeep of one store. Nothing is ever overwritten: what a restore replaces is kept beside it.

    Every method may raise StoreError, as those of `Store` do.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.path = store.path

    def import_paths(self, paths: Iterable[Path]) -> list[FileReport]:
        """Import result files of other tools; see docs/importing.md. Raises InputError when there is none."""
        return import_paths(paths, partial(self.store.writing, changed=()))

    def remove_imported(self, reports: Iterable[FileReport]) -> dict[str, str]:
        """Delete imported files whose rows are proven to be in the store; return path and reason of those kept."""
        kept = {}
        for report in reports:
            why = self.store.reading(partial(verify, path=report.path))
            if why:
                kept[str(report.path)] = why
                continue
            try:
                report.path.unlink()
                report.removed = True
            except OSError as error:
                kept[str(report.path)] = reason_of(error)
        return kept

    def check(self) -> dict[str, Any]:
        """Compare all rows with the counts and checksums saved with them: see `maintenance.check`."""
        return self.store.reading(lambda opened: maintenance.check(opened, self.path))

    def prune(self, rule: Prune, *, really: bool) -> dict[str, Any]:
        """Tell which runs and imports a rule takes, and delete them only when `really`.

        Raises InputError for a run or an import that is named and not there.
        """

        def find(opened: duckdb.DuckDBPyConnection) -> dict[str, Any]:
            maintenance.require_named(opened, rule)
            runs, imports = maintenance.fitting_runs(opened, rule), maintenance.fitting_imports(opened, rule)
            rows = maintenance.delete(opened, [r[0] for r in runs], [i[0] for i in imports]) if really else 0
            return {"runs": runs, "imports": imports, "deleted_rows": rows, "deleted": really}

        return self.store.writing(find) if really else self.store.reading(find)

    def compact(self) -> tuple[int, int]:
        """Write the file anew without the room that deleted rows left; return its size before and after, in bytes."""
        self.store.require_writable()
        part = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.part")
        with guard(self.path), _gone_on_error(part):
            with self._opened() as opened:
                opened.execute("CHECKPOINT")
                before = self.path.stat().st_size
                maintenance.copy_to(opened, part)
                after = part.stat().st_size
                if os.name == "posix":  # while the lock is held: nobody writes in between
                    part.replace(self.path)
            if os.name != "posix":
                part.replace(self.path)
        return before, after

    def snapshot(self, target: Path | None = None) -> tuple[Path, dict[str, int]]:
        """Copy the store into a new file (default: beside it, named by the time); return it and its rows.

        Raises InputError when the file is there already.
        """
        target = target or self.path.with_name(f"{self.path.stem}.snapshot-{_stamp()}{self.path.suffix}")
        _must_not_exist(target)
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
        with _gone_on_error(part):
            rows = self.store.reading(lambda opened: _into(part, maintenance.copy_to, opened))
            part.rename(target)
        return target, rows

    def export(self, folder: Path) -> dict[str, int]:
        """Write one Parquet file per table and a manifest into a new or empty folder; return the rows of each."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            _must_not_exist(folder)
        part = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.part")
        with _gone_on_error(part):
            try:
                part.mkdir(parents=True)
            except OSError as error:
                raise _cannot_write(part.parent, error) from error
            rows = self.store.reading(lambda opened: _into(part, maintenance.write_parquet, opened))
            manifest.write(part, rows)
            if folder.exists():
                folder.rmdir()
            part.rename(folder)
        return rows

    def restore(self, source: Path) -> tuple[dict[str, int], Path | None]:
        """Make the store from an export's folder or a snapshot's file.

        Everything is proven in a new file first: checksums of the files, rows of each table, rows and
        checksums of every run. Returns the rows of each table, and where the store that was there is kept
        now. Raises InputError when the source is neither, StoreError when it is damaged.
        """
        part = self.path.with_name(f"{self.path.stem}.{secrets.token_hex(4)}.part.duckdb")
        with guard(self.path), _gone_on_error(part):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _fill(source, part)
            with Store(part) as made:
                found = Keeper(made).check()
                rows = made.reading(maintenance.counts)
            if found["wrong"]:
                raise _damaged(source, str(found["wrong"][0]))
            drop(self.path)
            aside = self._set_aside()
            part.rename(self.path)
            copy_path(part).unlink(missing_ok=True)
            self.store.writing(lambda _opened: None)  # the copy for readers is of what was there before
        return rows, aside

    def _set_aside(self) -> Path | None:
        if not self.path.exists():
            return None
        with self._opened() as opened:
            opened.execute("CHECKPOINT")
        aside = self.path.with_name(f"{self.path.stem}.before-restore-{_stamp()}{self.path.suffix}")
        _must_not_exist(aside)
        self.path.rename(aside)
        return aside

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with connection(self.path, read_only=False) as opened:
                yield opened
        except DamagedError as error:
            raise _damaged(self.path, str(error)) from error


def _fill(source: Path, part: Path) -> None:
    """Make the new store's file from an export or a snapshot."""
    if source.is_dir():
        names = manifest.verify(source)
        with connection(part, read_only=False) as opened:
            schema.migrate(opened, part)
            rows = maintenance.read_parquet(opened, source, list(names))
        wrong = [
            name for name, count in names.items() if name != "schema_version" and rows.get(name) != count
        ]
        if wrong:
            raise _damaged(source, f"other rows than the manifest tells in {', '.join(wrong)}")
        return
    if not source.is_file():
        raise InputError(
            Problem(
                "there is no such export or snapshot",
                found=str(source),
                allowed="a folder made by `db export`, or a file made by `db snapshot`",
            )
        )
    shutil.copyfile(source, part)
    try:
        with connection(part, read_only=True) as opened:
            if not schema.version_of(opened, source):
                raise _damaged(source, "it is empty")
    except DamagedError as error:
        raise _damaged(source, str(error)) from error


@contextmanager
def _gone_on_error(part: Path) -> Iterator[None]:
    """Remove a half-made file or folder when the block fails, be it of a full disk."""
    try:
        yield
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
        part.with_name(part.name + ".wal").unlink(missing_ok=True)
        copy_path(part).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _cannot_write(part, error) from error
        raise


def _into(
    part: Path,
    write: Callable[[duckdb.DuckDBPyConnection, Path], dict[str, int]],
    opened: duckdb.DuckDBPyConnection,
) -> dict[str, int]:
    """Write a copy; a disk that fills is the copy's, not the store's."""
    try:
        return write(opened, part)
    except (duckdb.IOException, duckdb.TransactionException) as error:
        if isinstance(translate(error, part), DamagedError):
            raise
        raise _cannot_write(part, OSError(f"{str(error).splitlines()[0][:200]}")) from error


def _cannot_write(path: Path, error: OSError) -> StoreError:
    return StoreError(
        Problem(
            "this cannot be written",
            found=f"{path.parent}: {reason_of(error)}",
            hint="Choose another place, or make room. Nothing was changed.",
        )
    )


def _must_not_exist(path: Path) -> None:
    if path.exists():
        raise InputError(
            Problem(
                "this is there already, and nothing is overwritten",
                found=str(path),
                allowed="a new name, or an empty folder",
                hint="Choose another name.",
            )
        )


def _damaged(source: Path, found: str) -> StoreError:
    return StoreError(
        Problem(
            "this is damaged or incomplete", found=f"{source}: {found}", hint="The store was left as it is."
        )
    )


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
