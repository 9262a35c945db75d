"""`cluster4npu report`: writes a stored run as a document."""

from __future__ import annotations

import argparse
from pathlib import Path

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.console import Console
from cluster4npu.cli.outputs import check_writable
from cluster4npu.cli.parsing import LAST, add_store, newest, store_to_read


class Report(Command):
    """Write a stored run or benchmark as a document.

    The file's ending chooses the form. RUN_ID may be 'last', and the beginning of an id will do.
    """

    name = "report"
    example = "cluster4npu report last -o report.html"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run_id", metavar="RUN_ID", help="id of a run, or 'last'")
        parser.add_argument(
            "-o",
            "--output",
            required=True,
            type=Path,
            metavar="FILE",
            help="the file to write: .html, .md ...",
        )
        add_store(parser)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.core.report import ReportGenerator
        from cluster4npu.core.store import Store

        check_writable(args.output, "--output")
        with Store(store_to_read(args)) as store:
            run_id = newest(store) if args.run_id == LAST else store.run(args.run_id).id
            ReportGenerator(store).generate_performance_report(run_id, args.output)
        console.object({"ok": True, "run_id": run_id, "path": str(args.output)})
        console.out(f"Wrote {args.output} about run {run_id}")
        return SUCCESS
