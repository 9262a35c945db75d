"""`cluster4npu trend`: the same benchmark over time."""

from __future__ import annotations

import argparse

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.comparing import trend_report
from cluster4npu.cli.console import Console
from cluster4npu.cli.parsing import add_store, number, store_to_read


class Trend(Command):
    """Show stored runs of one question over time, and the runs from which on they became another.

    Runs belong together when pipeline, model, scenario, devices and machine are the same. A change
    is found by a test against random orders, not by a bound; it needs three runs on either side.
    """

    name = "trend"
    example = "cluster4npu trend\ncluster4npu trend --runs 200 --json"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--runs",
            type=number(int, unit="runs"),
            default=1000,
            metavar="N",
            help="look at the newest N runs (default 1000)",
        )
        add_store(parser)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.core.compare import trends
        from cluster4npu.core.store import Store

        with Store(store_to_read(args)) as store:
            found = trends(store.runs(limit=int(args.runs)))
        console.object({"trends": [trend.as_dict() for trend in found]})
        for trend in found:
            for line in trend_report(trend):
                console.out(line)
        if not found:
            console.out("No valid runs with a rate of all devices together are stored yet.")
        return SUCCESS
