"""The actions of `cluster4npu db`: what each takes and prints."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster4npu.cli.command import FAILURE, SUCCESS
from cluster4npu.cli.console import Console, table
from cluster4npu.cli.parsing import LAST, newest, number, store_to_read
from cluster4npu.cli.store_import import add_import, run_import
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.settings import default_store_path

if TYPE_CHECKING:
    from cluster4npu.core.store.keeper import Keeper


_ROWS, _TIMEOUT_S = 10_000, 60


@dataclass(frozen=True, slots=True)
class Action:
    """One word after `db`."""

    help: str
    example: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Console], int]


def _info(args: argparse.Namespace, console: Console) -> int:
    keeper = _keeper(args)
    info = keeper.store.info()
    console.object(info)
    for name, value in info.items():
        if isinstance(value, dict):
            console.out(f"{name}:")
            for key, count in value.items():
                console.out(f"  {key:<24}{count}")
        else:
            console.out(f"{name}: {value}")
    return SUCCESS


def _query_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sql", metavar="SQL", help="one SELECT over the database's own tables")
    parser.add_argument("--csv", action="store_true", help="print the rows as CSV")
    parser.add_argument(
        "--rows",
        type=number(int, unit="rows"),
        default=_ROWS,
        metavar="N",
        help=f"at most so many (default {_ROWS})",
    )
    parser.add_argument(
        "--timeout", type=number(float, unit="s"), default=_TIMEOUT_S, metavar="S",
        help=f"give up after so long (default {_TIMEOUT_S})",
    )  # fmt: skip


def _query(args: argparse.Namespace, console: Console) -> int:
    answer = _keeper(args).store.query(args.sql, int(args.rows), args.timeout)
    console.object({"columns": answer.columns, "rows": answer.as_dicts(), "truncated": answer.truncated})
    if args.csv:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([answer.columns, *answer.rows])
        console.out(text.getvalue().rstrip("\n"))
    else:
        rows = [["" if cell is None else cell for cell in row] for row in answer.rows]
        for line in table(answer.columns, rows, left=len(answer.columns)):
            console.out(line)
    if answer.truncated:
        console.note(f"Only the first {len(answer.rows)} rows are shown; add a condition, or --rows N.")
    return SUCCESS


def _check(args: argparse.Namespace, console: Console) -> int:
    found = _keeper(args).check()
    console.object({**found, "ok": not found["wrong"]})
    for item in found["wrong"]:
        where = item.get("run") or item.get("file") or item.get("table")
        console.out(f"WRONG {where}: " + ", ".join(f"{key} {value}" for key, value in item.items()))
    console.out(
        f"{found['runs']} runs with {found['samples']} samples and {found['imports']} imports checked: "
        + (f"{len(found['wrong'])} not as they were saved" if found["wrong"] else "all as they were saved")
    )
    return FAILURE if found["wrong"] else SUCCESS


def _compact(args: argparse.Namespace, console: Console) -> int:
    before, after = _keeper(args).compact()
    console.object({"bytes_before": before, "bytes_after": after})
    console.out(f"{before} bytes before, {after} after")
    return SUCCESS


def _prune_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--older-than", type=number(float, unit="days"), metavar="DAYS", help="runs older than this"
    )
    parser.add_argument(
        "--keep", type=number(int, unit="runs"), metavar="N", help="spare the newest N of them"
    )
    parser.add_argument("--invalid", action="store_true", help="only runs marked INVALID")
    parser.add_argument("--run", action="append", default=[], metavar="ID", help="this run; may be repeated")
    parser.add_argument("--import", action="append", default=[], metavar="FILE", dest="imports",
                        help="the import of a file of this name or content hash; may be repeated")  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="delete; without it, only tell what would go")


def _prune(args: argparse.Namespace, console: Console) -> int:
    from cluster4npu.core.store.maintenance import Prune

    keep = int(args.keep) if args.keep is not None else None
    rule = Prune(args.older_than, keep, args.invalid, tuple(args.run), tuple(args.imports))
    if rule == Prune():
        raise InputError(
            Problem(
                "say what to prune",
                allowed="--older-than, --keep, --invalid, --run, --import",
                hint="Nothing was deleted.",
            )
        )
    found = _keeper(args).prune(rule, really=args.yes)
    told = {kind: [{"id": key, "name": name} for key, name in found[kind]] for kind in ("runs", "imports")}
    console.object({**found, **told})
    for key, name in [*found["runs"], *found["imports"]]:
        console.out(f"{key[:24]}  {name}")
    what = f"{len(found['runs'])} runs and {len(found['imports'])} imports"
    if args.yes:
        console.out(f"{what} deleted, {found['deleted_rows']} rows; `db compact` gives the room back")
    else:
        console.out(f"{what} would be deleted. Nothing was: add --yes")
    return SUCCESS


def _snapshot_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="default: beside the store, by the time"
    )


def _snapshot(args: argparse.Namespace, console: Console) -> int:
    target, rows = _keeper(args).snapshot(args.file)
    console.object({"path": str(target), "rows": rows})
    console.out(f"{target}: {sum(rows.values())} rows in {len(rows)} tables")
    return SUCCESS


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder")


def _export(args: argparse.Namespace, console: Console) -> int:
    rows = _keeper(args).export(args.folder)
    console.object({"path": str(args.folder), "rows": rows})
    console.out(f"{args.folder}: {sum(rows.values())} rows in {len(rows)} Parquet files")
    return SUCCESS


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, metavar="SOURCE", help="a folder of `db export` or a file of `db snapshot`"
    )
    parser.add_argument(
        "--yes", action="store_true", help="replace a store that is there; it is kept under another name"
    )


def _restore(args: argparse.Namespace, console: Console) -> int:
    from cluster4npu.core.store.keeper import Keeper
    from cluster4npu.core.store.store import Store

    path = args.store or default_store_path()
    if path.exists() and not args.yes:
        raise InputError(
            Problem(
                "there is a store already",
                found=str(path),
                allowed="--yes to put it aside, or --store NEW.duckdb",
                hint="Nothing was changed.",
            )
        )
    rows, aside = Keeper(Store(path)).restore(args.source)
    console.object({"path": str(path), "rows": rows, "kept": str(aside) if aside else None})
    console.out(f"{path}: {sum(rows.values())} rows in {len(rows)} tables, all checked")
    if aside:
        console.out(f"The store that was there is kept as {aside}")
    return SUCCESS


def _baseline_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_id", metavar="RUN_ID", help="id of a valid run, or 'last'")


def _baseline(args: argparse.Namespace, console: Console) -> int:
    store = _keeper(args).store
    record = store.run(newest(store) if args.run_id == LAST else args.run_id)
    if not record.valid:
        raise InputError(
            Problem(
                "an INVALID run is no baseline",
                field="run_id",
                found=f"{record.id}: {record.invalid_reason}",
                hint="Measure again, and mark the run that is valid.",
            )
        )
    store.mark_baseline(record.id)
    console.object({"run_id": record.id, "headline": record.headline})
    console.out(f"{record.id} is a baseline now: {record.headline}")
    return SUCCESS


def _keeper(args: argparse.Namespace, *, reads: bool = True) -> Keeper:
    from cluster4npu.core.store.keeper import Keeper
    from cluster4npu.core.store.store import Store

    with Store(store_to_read(args) if reads else args.store or default_store_path()) as store:
        return Keeper(store)  # its notices are logged, and so told already


def _import(args: argparse.Namespace, console: Console) -> int:
    return run_import(_keeper(args, reads=False), args, console)


def _nothing(parser: argparse.ArgumentParser) -> None:
    """Take no arguments but --store."""


ACTIONS = {
    "info": Action("Tell where the database is and how much is in it.", "cluster4npu db info", _nothing, _info),
    "query": Action(
        "Answer one SELECT; with --json: columns, rows as objects, truncated.",
        'cluster4npu db query "SELECT id, kind, headline FROM runs" --csv', _query_arguments, _query,
    ),
    "import": Action(
        "Take in JSON results of other benchmark tools: files, and folders of them.",
        "cluster4npu db import results/ more.json", add_import, _import,
    ),
    "export": Action(
        "Write one Parquet file per table.", "cluster4npu db export exported/", _export_arguments, _export
    ),
    "snapshot": Action(
        "Copy the database into one file.", "cluster4npu db snapshot before.duckdb", _snapshot_arguments, _snapshot
    ),
    "restore": Action(
        "Make the database from an export or a snapshot, after checking all of it.",
        "cluster4npu db restore exported/ --store copy.duckdb", _restore_arguments, _restore,
    ),
    "baseline": Action(
        "Mark a run as one with which `benchmark --against baseline` compares.",
        "cluster4npu db baseline 20261121-080050-3fa2c1", _baseline_arguments, _baseline,
    ),
    "check": Action(
        "Compare every run's and import's rows with the counts and checksums saved with them.",
        "cluster4npu db check", _nothing, _check,
    ),
    "compact": Action(
        "Write the file anew without the room of deleted rows.", "cluster4npu db compact", _nothing, _compact
    ),
    "prune": Action(
        "Delete runs or imports; without --yes only tell which.",
        "cluster4npu db prune --older-than 90 --keep 100", _prune_arguments, _prune,
    ),
}  # fmt: skip
