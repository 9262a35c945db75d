"""`cluster4npu db import`: takes in results of other tools, and tells what was read, skipped and why."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster4npu.cli.command import SUCCESS, WRONG_INPUT
from cluster4npu.cli.console import Console
from cluster4npu.core.errors import InputError, Problem

if TYPE_CHECKING:
    from cluster4npu.core.store.importing.importer import FileReport
    from cluster4npu.core.store.keeper import Keeper


def add_import(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `db import`."""
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="a file, or a folder of .json and .jsonl files"
    )
    text = "delete each file whose every number is proven to be in the store; needs --yes"
    parser.add_argument("--remove-files", action="store_true", help=text)
    parser.add_argument("--yes", action="store_true", help="really delete files")


def run_import(keeper: Keeper, args: argparse.Namespace, console: Console) -> int:
    """Import, print the summary, and return 0 when a file could be used, else 2."""
    if args.remove_files and not args.yes:
        raise InputError(
            Problem(
                "--remove-files deletes files",
                allowed="--remove-files --yes",
                hint="Nothing was imported or deleted.",
            )
        )
    reports = keeper.import_paths(args.paths)
    kept = keeper.remove_imported(reports) if args.remove_files else {}
    usable = [report for report in reports if report.outcome in ("imported", "already imported")]
    from cluster4npu.core.store.importing.importer import summarize

    total = summarize(reports)
    console.object(
        {**total, "kept_files": kept, "files": [report.as_dict() for report in reports], "ok": bool(usable)}
    )
    for report in reports:
        _print_file(report, kept.get(str(report.path), ""), console)
    _print_total(total, console)
    return SUCCESS if usable else WRONG_INPUT


def _print_file(report: FileReport, kept: str, console: Console) -> None:
    if report.outcome != "imported":
        console.out(f"{report.path}: {report.outcome}: {report.reason}")
    else:
        made = [f"{n} {kind}" for kind, n in report.provenance.items() if kind != "imported"]
        parts = [f"{report.measurements} measurements", f"{report.failures} failures", *made]
        console.out(f"{report.path}: {', '.join(parts)}  [{report.shape}]")
        for reason, count in report.skipped.items():
            console.out(f"  {count} numbers left out: {reason}")
        if report.unknown_fields:
            console.out(f"  names not known: {', '.join(list(report.unknown_fields)[:10])}")
        if report.unknown_models or report.unknown_devices:
            console.out(
                f"  unknown model in {report.unknown_models} rows, unknown device in {report.unknown_devices}"
            )
        for note in report.notes:
            console.out(f"  {note}")
    if report.removed:
        console.out("  file deleted: every row proven to be in the store")
    elif kept:
        console.out(f"  file kept: {kept}")


def _print_total(total: dict[str, Any], console: Console) -> None:
    outcomes = ", ".join(f"{count} {name}" for name, count in total["outcomes"].items())
    console.out(f"files: {outcomes}")
    console.out(
        f"{total['measurements']} measurements and {total['failures']} failures of {total['numbers']} numbers"
    )
