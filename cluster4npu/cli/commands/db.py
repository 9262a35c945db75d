"""`cluster4npu db`: looks into the result store."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Callable

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.console import Console, table
from cluster4npu.cli.parsing import add_store, common
from cluster4npu.core.settings import default_store_path


class Db(Command):
    """Look into the result database.

    `info` tells what is in it, `query` answers one SELECT. Queries cannot change anything or read
    other files.
    """

    name = "db"
    example = 'cluster4npu db info\ncluster4npu db query "SELECT id, kind, headline FROM runs" --csv'

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="{info,query}")
        examples = dict(zip(("info", "query"), self.example.splitlines(), strict=True))

        def add(name: str, text: str) -> argparse.ArgumentParser:
            sub: argparse.ArgumentParser = actions.add_parser(
                name,
                help=text[0].lower() + text[1:].rstrip("."),
                description=text,
                parents=[common()],
                epilog=f"example:\n  {examples[name]}",
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
            add_store(sub)
            return sub

        add("info", "Tell where the database is and how much is in it.")
        query = add("query", "Answer one SELECT; with --json: columns, rows as objects, truncated.")
        query.add_argument("sql", metavar="SQL", help="one SELECT over the database's own tables")
        query.add_argument("--csv", action="store_true", help="print the rows as CSV")

    def run(self, args: argparse.Namespace, console: Console) -> int:
        actions: dict[str, Callable[[argparse.Namespace, Console], int]] = {"info": _info, "query": _query}
        return actions[args.action](args, console)


def _info(args: argparse.Namespace, console: Console) -> int:
    from cluster4npu.core.store import Store

    with Store(args.store or default_store_path()) as store:
        info = store.info()
        for notice in store.notices:
            console.note(notice)
    console.object(info)
    for name, value in info.items():
        if isinstance(value, dict):
            console.out(f"{name}:")
            for key, count in value.items():
                console.out(f"  {key:<18}{count}")
        else:
            console.out(f"{name}: {value}")
    return SUCCESS


def _query(args: argparse.Namespace, console: Console) -> int:
    from cluster4npu.core.store import Store

    with Store(args.store or default_store_path()) as store:
        answer = store.query(args.sql)
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
        console.note(f"Only the first {len(answer.rows)} rows are shown; add LIMIT or a condition.")
    return SUCCESS
