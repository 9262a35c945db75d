"""`cluster4npu replay`: runs a bundle's benchmark again, here, and compares."""

from __future__ import annotations

import argparse
from pathlib import Path

from cluster4npu.cli.command import FAILURE, SUCCESS, Command
from cluster4npu.cli.commands.benchmark import report
from cluster4npu.cli.comparing import comparison_report
from cluster4npu.cli.console import Console
from cluster4npu.cli.parsing import add_store, device_list
from cluster4npu.core.settings import default_store_path


class Replay(Command):
    """Run the benchmark of a bundle again on this machine, store both, and compare them.

    A bundle whose model, pipeline, input or frames are not what was measured is refused before anything runs.
    The exit code is 1 when the two cannot be compared; the reason is told.
    """

    name = "replay"
    example = "cluster4npu replay result.c4n --devices onnx:cpu"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("bundle", type=Path, metavar="FILE", help="a file made by `cluster4npu bundle`")
        parser.add_argument("--devices", type=device_list, metavar="ID,ID", help="measure these instead")
        parser.add_argument(
            "--profile", metavar="P", help="quick, standard or certified (default: as it was)"
        )
        parser.add_argument(
            "--check", action="store_true", help="only prove that it is whole, and run nothing"
        )
        add_store(parser)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.cli.interrupts import StopRequest
        from cluster4npu.cli.progress import Progress
        from cluster4npu.core.bench import BenchmarkCancelled
        from cluster4npu.core.bundle import Bundle, replay
        from cluster4npu.core.store import Store

        with Bundle.open(args.bundle) as bundle:
            if args.check:
                console.object({"ok": True, **bundle.manifest.model_dump(mode="json")})
                console.out(
                    f"{args.bundle} is whole: run {bundle.manifest.run_id}, {len(bundle.manifest.files)} files"
                )
                return SUCCESS
            store = Store(args.store or default_store_path())
            with StopRequest() as stop, Progress(console) as bar:
                try:
                    result, comparison = replay(
                        bundle, store, devices=args.devices, profile=args.profile,
                        progress=lambda told: bar.update(told.fraction, told.stage), cancelled=lambda: stop.requested,
                    )  # fmt: skip
                except BenchmarkCancelled as cancelled:
                    raise KeyboardInterrupt from cancelled
        console.object(
            {**result.as_dict(), "original": bundle.manifest.run_id, "comparison": comparison.as_dict()}
        )
        for line in [*report(result), "", *comparison_report(comparison)]:
            console.out(line)
        return FAILURE if comparison.refusals else SUCCESS
