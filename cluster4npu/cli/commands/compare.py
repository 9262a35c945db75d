"""`cluster4npu compare`: stored runs side by side."""

from __future__ import annotations

import argparse

from cluster4npu.cli.command import FAILURE, SUCCESS, Command
from cluster4npu.cli.comparing import comparison_report
from cluster4npu.cli.console import Console
from cluster4npu.cli.parsing import LAST, add_store, newest, store_to_read


class Compare(Command):
    """Compare stored runs with the first one named.

    The ratio has a 95% interval and is above 1 where the other run is better. Runs of different
    pipelines, models, scenarios or loads, and INVALID ones, are not comparable: the reason is told,
    and the exit code is 1 when that is so of all of them.
    """

    name = "compare"
    example = "cluster4npu compare 20261120-0912 20261121-0800"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "base", metavar="RUN_ID", help="the run that the others are compared with, or 'last'"
        )
        parser.add_argument("others", nargs="+", metavar="RUN_ID", help="one run or several")
        add_store(parser)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.core.compare import compare_runs
        from cluster4npu.core.store import Store

        with Store(store_to_read(args)) as store:
            base, *others = (newest(store) if name == LAST else name for name in (args.base, *args.others))
            found = compare_runs(store, base, others)
        console.object({"comparisons": [item.as_dict() for item in found]})
        for item in found:
            for line in comparison_report(item):
                console.out(line)
        return FAILURE if all(item.refusals for item in found) else SUCCESS
