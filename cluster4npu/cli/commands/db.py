"""`cluster4npu db`: looks into the result store and keeps it in order."""

from __future__ import annotations

import argparse

from cluster4npu.cli.command import Command
from cluster4npu.cli.console import Console
from cluster4npu.cli.parsing import add_store, common
from cluster4npu.cli.store_actions import ACTIONS


class Db(Command):
    """Look into the result database, and keep it in order.

    `info` tells what is in it, `query` answers one SELECT and can change nothing. `import` takes in JSON
    results of other tools. `check`, `compact`, `prune`, `snapshot`, `export` and `restore` keep it; what
    deletes needs --yes.
    """

    name = "db"
    example = 'cluster4npu db info\ncluster4npu db query "SELECT id, kind, headline FROM runs" --csv'

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        names = ",".join(ACTIONS)
        actions = parser.add_subparsers(dest="action", required=True, metavar=f"{{{names}}}")
        for name, action in ACTIONS.items():
            sub: argparse.ArgumentParser = actions.add_parser(
                name,
                help=action.help[0].lower() + action.help[1:].rstrip("."),
                description=action.help,
                parents=[common()],
                epilog=f"example:\n  {action.example}",
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
            add_store(sub)
            action.arguments(sub)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        return ACTIONS[args.action].run(args, console)
