"""What the store's page can do, each as work for a thread: it returns the lines that tell what became of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cluster4npu.core.store import Store, Table
from cluster4npu.core.store.importing.importer import summarize
from cluster4npu.core.store.keeper import Keeper
from cluster4npu.core.store.maintenance import Prune
from cluster4npu.ui.dialogs.background import Report

ROWS_SHOWN = 1000
Job = Callable[[Report], object]


def tell_info(path: Path) -> Job:
    """Return the facts of the store, None where there is none: looking must not make a file."""

    def work(_report: Report) -> object:
        if not path.exists():
            return None
        with Store(path) as store:
            return store.info(), tuple(store.notices)

    return work


def ask(path: Path, sql: str) -> Job:
    """Return the answer of a question in SQL, with at most ROWS_SHOWN rows."""
    return lambda _report: Store(path).query(sql, limit=ROWS_SHOWN)


def save_table(table: Table, path: Path) -> Job:
    """Write an answer as CSV, or as JSON where the name ends so."""

    def work(_report: Report) -> object:
        if path.suffix.lower() == ".json":
            path.write_text(
                json.dumps(table.as_dicts(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([table.columns, *table.rows])
        return [f"{len(table.rows):,} rows saved: {path}"]

    return work


def check(path: Path) -> Job:
    """Compare every row with the counts and checksums saved with it."""

    def work(_report: Report) -> object:
        found = Keeper(Store(path)).check()
        lines = [
            f"{found['runs']:,} runs with {found['samples']:,} frames and {found['imports']:,} imports checked."
        ]
        wrong = found["wrong"]
        lines += ["NOT as saved: " + ", ".join(f"{k} {v}" for k, v in item.items()) for item in wrong[:20]]
        return [
            *lines,
            f"{len(wrong)} are not as they were saved." if wrong else "All are as they were saved.",
        ]

    return work


def compact(path: Path) -> Job:
    """Write the file anew without the room of deleted rows."""

    def work(_report: Report) -> object:
        before, after = Keeper(Store(path)).compact()
        return [f"{before:,} bytes before, {after:,} after."]

    return work


def snapshot(path: Path, target: Path) -> Job:
    """Copy the store into one file."""

    def work(_report: Report) -> object:
        made, rows = Keeper(Store(path)).snapshot(target)
        return [f"{sum(rows.values()):,} rows in {len(rows)} tables copied: {made}"]

    return work


def export(path: Path, folder: Path) -> Job:
    """Write one Parquet file per table into a new or empty folder."""

    def work(_report: Report) -> object:
        rows = Keeper(Store(path)).export(folder)
        return [f"{sum(rows.values()):,} rows in {len(rows)} Parquet files: {folder}"]

    return work


def restore(path: Path, source: Path) -> Job:
    """Make the store from an export or a snapshot, after all of it was checked."""

    def work(_report: Report) -> object:
        rows, aside = Keeper(Store(path)).restore(source)
        lines = [f"{sum(rows.values()):,} rows in {len(rows)} tables restored, all checked."]
        return [*lines, f"The store that was there is kept: {aside}"] if aside else lines

    return work


def take_in(path: Path, sources: Sequence[Path]) -> Job:
    """Import results of other tools."""

    def work(_report: Report) -> object:
        reports = Keeper(Store(path)).import_paths(sources)
        total = summarize(reports)
        lines = [f"{r.path.name}: {r.outcome}{f': {r.reason}' if r.reason else ''}" for r in reports[:200]]
        told = ", ".join(f"{count:,} {name}" for name, count in total["outcomes"].items())
        numbers = f"{total['measurements']:,} measurements and {total['failures']:,} failures"
        lines.append(f"Files: {told}. {numbers} of {total['numbers']:,} numbers.")
        lines += [f"{count:,} numbers left out: {reason}" for reason, count in total["skipped"].items()]
        unknown = [(total["unknown_model_rows"], "model"), (total["unknown_device_rows"], "device")]
        return lines + [f"{count:,} rows of an unknown {what}." for count, what in unknown if count]

    return work


def prune(path: Path, rule: Prune, *, really: bool) -> Job:
    """Return (rule, what it takes); with `really`, the lines that tell what was deleted."""

    def work(_report: Report) -> object:
        found: dict[str, Any] = Keeper(Store(path)).prune(rule, really=really)
        if not really:
            return rule, found
        return [
            f"{len(found['runs']):,} runs deleted, {found['deleted_rows']:,} rows. Compact gives their room back."
        ]

    return work
