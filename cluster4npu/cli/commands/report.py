"""`cluster4npu report`: writes a stored run as a document."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.console import Console
from cluster4npu.cli.outputs import check_writable
from cluster4npu.cli.parsing import LAST, add_store, newest, number, store_to_read
from cluster4npu.core.errors import InputError, Problem

if TYPE_CHECKING:
    from cluster4npu.core.report import Costs

_COSTS = {
    "hardware-cost": "price of the devices beyond the best single one",
    "value-per-1000-frames": "what 1,000 more frames are worth",
    "hours-per-day": "hours a day",
    "running-per-day": "cost of the additional devices each day",
}


class Report(Command):
    """Write a stored run or benchmark as a document.

    The file's ending chooses the form. RUN_ID may be 'last', and the beginning of an id will do.

    --before RUN_ID tells what became of that run in this one; --configuration writes the pipeline of
    the run, to be opened again (.json); --executive writes one page, with money in it only when all of
    --hardware-cost, --value-per-1000-frames and --hours-per-day are given.
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
            help="the file to write: .html, .pdf, .md, .csv or .json",
        )
        kinds = parser.add_mutually_exclusive_group()
        kinds.add_argument("--before", metavar="RUN_ID", help="report what changed since this run")
        kinds.add_argument("--configuration", action="store_true", help="write the run's pipeline (.json)")
        kinds.add_argument("--executive", action="store_true", help="write one page for whoever decides")
        for name, unit in _COSTS.items():
            parser.add_argument(
                f"--{name}", type=number(float, unit=unit), metavar="N", help=f"{unit} (--executive)"
            )
        parser.add_argument("--currency", default="", metavar="TEXT", help="of the costs (--executive)")
        add_store(parser)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.core.report import ReportGenerator
        from cluster4npu.core.store import Store

        if not args.executive:
            _refuse_costs(args)
        check_writable(args.output, "--output", (".html", ".pdf", ".md", ".csv", ".json"))
        with Store(store_to_read(args)) as store:
            run_id = newest(store) if args.run_id == LAST else store.run(args.run_id).id
            generator = ReportGenerator(store)
            if args.before:
                generator.create_optimization_report(args.before, run_id, args.output)
            elif args.configuration:
                generator.export_configuration_summary(run_id, args.output)
            elif args.executive:
                generator.generate_executive_summary(run_id, args.output, _costs(args))
            else:
                generator.generate_performance_report(run_id, args.output)
        console.object({"ok": True, "run_id": run_id, "path": str(args.output)})
        console.out(f"Wrote {args.output} about run {run_id}")
        return SUCCESS


def _refuse_costs(args: argparse.Namespace) -> None:
    """Refuse costs where nothing is told of them: they would be left out in silence."""
    given = [f"--{name}" for name in _COSTS if getattr(args, name.replace("-", "_")) is not None]
    if given or args.currency:
        raise InputError(
            Problem(
                "only a page for whoever decides tells of costs",
                field=(given or ["--currency"])[0],
                allowed="together with --executive",
                hint="Nothing was written.",
            )
        )


def _costs(args: argparse.Namespace) -> Costs | None:
    """Return the costs, None where none were given; raises InputError where only some were."""
    from cluster4npu.core.report import Costs

    given = {name.replace("-", "_"): getattr(args, name.replace("-", "_")) for name in _COSTS}
    running = given.pop("running_per_day")
    missing = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is None]
    if len(missing) == len(given) and running is None:
        return None
    if missing:
        raise InputError(
            Problem(
                "the return cannot be computed from some of the costs",
                field=missing[0],
                found=f"without {', '.join(missing)}",
                allowed="all of them, or none",
                hint="Nothing is assumed for what is not given.",
            )
        )
    return Costs(**given, running_per_day=running or 0.0, currency=args.currency)
