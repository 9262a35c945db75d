"""`cluster4npu app`: opens the window."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from cluster4npu.cli.command import Command
from cluster4npu.cli.console import Console
from cluster4npu.cli.parsing import add_store
from cluster4npu.cli.pipelines import EXAMPLE
from cluster4npu.core.errors import Cluster4NPUError, Problem
from cluster4npu.core.settings import assets_dir


class App(Command):
    """Open the window, on a pipeline if one is named.

    With --render the window is not shown: the pipeline is run, and pictures of the window are
    written into a folder.
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
        if args.render is None:
            require_display()
        try:
            from cluster4npu.ui.app import run_app
        except ImportError as error:
            raise Cluster4NPUError(
                Problem(
                    "the window cannot be opened",
                    found=str(error),
                    hint="Install what is missing: `python dev.py run` names the system packages. "
                    "`cluster4npu run` works without them.",
                )
            ) from error

        pipeline: Path | None = args.pipeline
        if pipeline == Path(EXAMPLE) and not pipeline.exists():
            pipeline = assets_dir() / "example.json"
        code = run_app(pipeline, store=args.store, render=args.render)
        console.object({"ok": code == 0})
        return code


def require_display() -> None:
    """Raise an error where Qt would abort the process, because there is no screen to draw on."""
    wanted = os.environ.get("QT_QPA_PLATFORM", "")
    screens = [name for name in ("DISPLAY", "WAYLAND_DISPLAY") if os.environ.get(name)]
    if sys.platform.startswith("linux") and not wanted and not screens:
        raise Cluster4NPUError(
            Problem(
                "there is no display to open a window on",
                found="neither DISPLAY nor WAYLAND_DISPLAY is set",
                hint="`cluster4npu run PIPELINE` runs without one; `cluster4npu app PIPELINE --render DIR` "
                "draws the window into picture files.",
            )
        )
