"""Imports files one by one: each whole or not at all, and one that cannot be read never stops the rest."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.store.importing import tables
from cluster4npu.core.store.importing.masking import masked
from cluster4npu.core.store.importing.model import UNKNOWN_NAME, Recognised
from cluster4npu.core.store.importing.proof import unproven
from cluster4npu.core.store.importing.reading import Source, Unreadable, files_of, read
from cluster4npu.core.store.importing.recognise import digest_of, recognise
from cluster4npu.core.store.importing.taking import IMPOSSIBLE, NOT_FINITE

IMPORTED, KNOWN, EMPTY, UNREADABLE = "imported", "already imported", "nothing recognised", "unreadable"
ELSEWHERE = "imported before from another file"
REPLACED = "under a name that stands again in the same object"
_MOST_NOTES = 20
_AT_ONCE, _BYTES_AT_ONCE = 50, 20 * 2**20  # files that are stored with the store opened once
_log = logging.getLogger(__name__)

Writing = Callable[[Callable[[duckdb.DuckDBPyConnection], Any]], Any]


@dataclass(slots=True)
class FileReport:
    """What became of one file. `outcome` is one of the constants of this module; `reason` says why not more."""

    path: Path
    outcome: str
    reason: str = ""
    sha256: str = ""
    shape: str = ""
    numbers: int = 0
    measurements: int = 0
    failures: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    unknown_fields: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    provenance: dict[str, int] = field(default_factory=dict)
    unknown_models: int = 0
    unknown_devices: int = 0
    removed: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the report as the command line prints it."""
        return {**asdict(self), "path": str(self.path)}


def import_paths(paths: Iterable[Path], write: Writing) -> list[FileReport]:
    """Import files and the JSON files of folders; `write` runs a function on a connection that may write.

    Raises InputError when a path is missing or a folder holds nothing to import, and StoreError.
    """
    files = files_of(list(paths))
    if not files:
        raise InputError(
            Problem(
                "there is nothing to import",
                allowed="files, or folders with .json or .jsonl files",
                hint="Name a folder with result files.",
            )
        )
    reports: list[FileReport] = []
    waiting: list[_Waiting] = []
    for number, path in enumerate(files, 1):
        report, source, found = _recognised(path)
        reports.append(report)
        if source is not None and found is not None:
            waiting.append(_Waiting(len(reports) - 1, source, found))
        if waiting and (number == len(files) or _is_much(waiting)):
            stored = write(partial(_store_all, waiting=tuple(waiting), reports=tuple(reports)))
            for item, told in zip(waiting, stored, strict=True):
                reports[item.place] = told
            waiting.clear()
    return reports


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file that was recognised and is not stored yet; `place` is that of its report."""

    place: int
    source: Source
    found: Recognised


def _is_much(waiting: list[_Waiting]) -> bool:
    return len(waiting) >= _AT_ONCE or sum(item.source.size for item in waiting) >= _BYTES_AT_ONCE


def _store_all(
    opened: duckdb.DuckDBPyConnection, waiting: tuple[_Waiting, ...], reports: tuple[FileReport, ...]
) -> list[FileReport]:
    """Store files one after the other, each in a transaction of its own: opening the store takes longer than one."""
    return [_store(opened, item.source, item.found, reports[item.place]) for item in waiting]


def _recognised(path: Path) -> tuple[FileReport, Source | None, Recognised | None]:
    """Read one file and find its measurements; tell what became of it where there is nothing to store."""
    try:
        source = read(path)
        found = recognise(source.data)
    except Unreadable as error:
        return FileReport(path, UNREADABLE, str(error)), None, None
    except RecursionError:
        return FileReport(path, UNREADABLE, "it is nested too deeply"), None, None
    except Exception as error:  # a defect of ours, told as such: it must not stop the other files
        _log.exception("could not recognise %s", path.name)
        failed = f"this program failed on it ({type(error).__name__}); please report it"
        return FileReport(path, UNREADABLE, failed), None, None
    _note_repeated(source, found)
    _note_unread(source, found)
    report = _report(path, source, found)
    return (report, None, None) if report.outcome == EMPTY else (report, source, found)


def _store(
    opened: duckdb.DuckDBPyConnection, source: Source, found: Recognised, report: FileReport
) -> FileReport:
    if tables.is_known(opened, source.sha256, source.content_sha256):
        return FileReport(report.path, KNOWN, "a file of the same content is in the store", source.sha256)
    copies = tables.known_digests(opened, _certain(found))
    if copies:
        before = found.numbers
        left = [row for row in found.rows if row.digest not in copies]
        found.skipped[ELSEWHERE] = sum(row.value is not None for row in found.rows) - sum(
            row.value is not None for row in left
        )
        found.rows, found.numbers = left, before
        found.records = [record for record in found.records if digest_of(record) not in copies]
        names = ", ".join(sorted(set(copies.values()))[:5])
        found.notes.append(f"{len(copies)} records stand in files imported before: {names}")
    tables.write_file(opened, source, masked(report.path.name), found)
    return _report(report.path, source, found, IMPORTED)


def _note_repeated(source: Source, found: Recognised) -> None:
    """Tell of names that stand twice in one object: only the last value could be read."""
    lost = sum(source.repeated.values())
    if source.repeated:
        names = ", ".join(sorted(source.repeated)[:5])
        found.notes.insert(
            0, f"names stand more than once in one object, only the last value was read: {names}"
        )
    if lost:
        found.skipped[REPLACED] = lost
        found.numbers += lost


def _note_unread(source: Source, found: Recognised) -> None:
    """Tell of lines that could not be read, such as the last one of a writer that was killed."""
    if source.unread:
        numbers = ", ".join(map(str, source.unread[:5])) + (", ..." if len(source.unread) > 5 else "")
        found.notes.insert(0, f"{len(source.unread)} lines cannot be read and were left out: line {numbers}")


def _certain(found: Recognised) -> set[str]:
    """Return the digests of records that cannot be equal by chance: with a time stamp, samples, or exact figures."""
    sure = set()
    for row in found.rows:
        exact = (
            row.source_value is not None and len(f"{row.source_value:.15g}".replace(".", "").strip("-0")) >= 8
        )
        if (
            (row.recorded_at and row.model != UNKNOWN_NAME)
            or exact
            or (row.position is not None and row.position > 3)
        ):
            sure.add(row.digest)
    return sure


def _report(path: Path, source: Source, found: Recognised, outcome: str = "") -> FileReport:
    values = [row for row in found.rows if row.value is not None]
    failures = len(found.rows) - len(values)
    told = outcome or (IMPORTED if found.rows else EMPTY)
    reason = "" if found.rows or outcome else _why_nothing(found)
    return FileReport(
        path, told, reason, source.sha256, found.shape, found.numbers, len(values), failures, found.skipped,
        found.unknown_fields, found.notes[:_MOST_NOTES], dict(Counter(row.provenance for row in values)),
        sum(row.model == UNKNOWN_NAME for row in found.rows), sum(row.device == UNKNOWN_NAME for row in found.rows),
    )  # fmt: skip


def _why_nothing(found: Recognised) -> str:
    unusable = {why: found.skipped[why] for why in (NOT_FINITE, IMPOSSIBLE) if why in found.skipped}
    if unusable:
        return "of its figures none can be: " + ", ".join(f"{count} {why}" for why, count in unusable.items())
    return "no field in it has the name of a measurement"


def verify(opened: duckdb.DuckDBPyConnection, path: Path) -> str:
    """Prove that the store holds all that a file says; return "" or why it cannot be proven.

    The file is read and recognised anew. Every row must be in the store, bit for bit, under this file's
    content hash or (for copies) under another's; nothing may have been left out because its name is unknown, and
    `proof.unproven` must have nothing against it.
    """
    try:
        source = read(path)
        found = recognise(source.data)
    except (Unreadable, RecursionError) as error:
        return f"it cannot be read again: {error}"
    if not tables.is_known(opened, source.sha256):
        return "it is not in the store, or only as a file that was laid out otherwise"
    if source.unread:
        return f"its line {source.unread[0]} could not be read"
    if source.repeated:
        return f"it holds names that stand twice in one object: {', '.join(sorted(source.repeated)[:5])}"
    if found.unknown_fields:
        names = ", ".join(list(found.unknown_fields)[:5])
        return f"it holds numbers that were not imported: {names}"
    if why := unproven(source.data, found.rows):
        return why
    stored = tables.read_rows(opened, source.sha256)
    digests = {row[-1] for row in stored}
    elsewhere = tables.known_digests(opened, {row.digest for row in found.rows} - digests)
    expected = [row for row in tables.rows_of(found) if row[-1] not in elsewhere or row[-1] in digests]
    return "" if expected == stored else "its rows are not those of the store"


def summarize(reports: Collection[FileReport]) -> dict[str, Any]:
    """Return the sums over all files."""
    skipped: Counter[str] = Counter()
    provenance: Counter[str] = Counter()
    for report in reports:
        skipped.update(report.skipped)
        provenance.update(report.provenance)
    return {
        "outcomes": dict(Counter(report.outcome for report in reports)),
        "numbers": sum(report.numbers for report in reports),
        "measurements": sum(report.measurements for report in reports),
        "failures": sum(report.failures for report in reports),
        "provenance": dict(provenance),
        "skipped": dict(skipped),
        "unknown_model_rows": sum(report.unknown_models for report in reports),
        "unknown_device_rows": sum(report.unknown_devices for report in reports),
    }
