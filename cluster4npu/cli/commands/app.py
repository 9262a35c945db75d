"""`cluster4npu app`: opens the window."""

from __future__ import annotations

import argparse
from pathlib import Path

from cluster4npu.cli.command import Command
from cluster4npu.cli.console import Console
from cluster4npu.cli.parsing import add_store
from cluster4npu.cli.pipelines import EXAMPLE
from cluster4npu.core.settings import assets_dir


class App(Command):
    """Open the window, on a pipeline if one is named.

    With --render the window is not shown: the pipeline is run, pictures of it are written into a folder.
    """

    name = "app"
    example = "cluster4npu app my_pipeline.json\ncluster4npu app example --render pictures"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "pipeline", nargs="?", type=Path, metavar="PIPELINE", help="a pipeline file, or 'example'"
        )
        parser.add_argument(
            "--render", type=Path, metavar="DIR", help="write pictures into DIR, without a display"
        )
        add_store(parser)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.ui.app import run_app

        pipeline: Path | None = args.pipeline
        if pipeline == Path(EXAMPLE) and not pipeline.exists():
            pipeline = assets_dir() / "example.json"
        code = run_app(pipeline, store=args.store, render=args.render)
        console.object({"ok": code == 0})
        return code
