"""`cluster4npu bundle`: one file from which another machine runs a benchmark again."""

from __future__ import annotations

import argparse
from pathlib import Path

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.console import Console
from cluster4npu.cli.outputs import check_writable
from cluster4npu.cli.parsing import LAST, add_store, newest, store_to_read


class Bundle(Command):
    """Write a stored benchmark with its pipeline, model, input and every frame's stamps into one file.

    `replay` runs it again on another machine and compares. Files that ship with the program are named by their
    hash only. Whoever gets the file gets your model and your input, too.
    """

    name = "bundle"
    example = "cluster4npu bundle last -o result.c4n"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run_id", metavar="RUN_ID", help="id of a benchmark, or 'last'")
        parser.add_argument(
            "-o", "--output", required=True, type=Path, metavar="FILE", help="the bundle to write"
        )
        text = "the folder to which relative paths of the pipeline belong (default: this one)"
        parser.add_argument("--folder", type=Path, metavar="DIR", help=text)
        add_store(parser)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.core.bundle import write_bundle
        from cluster4npu.core.store import Store

        check_writable(args.output, "--output", (".c4n",))
        with Store(store_to_read(args)) as store:
            run_id = newest(store) if args.run_id == LAST else args.run_id
            manifest = write_bundle(store, run_id, args.output, folder=args.folder)
        size = args.output.stat().st_size
        console.object(
            {"ok": True, "path": str(args.output), "bytes": size, **manifest.model_dump(mode="json")}
        )
        console.out(f"Wrote {args.output}: run {manifest.run_id}, {len(manifest.files)} files, {size} bytes")
        return SUCCESS
