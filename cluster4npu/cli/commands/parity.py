"""`cluster4npu parity`: whether every device gives the same answers, and how right they are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cluster4npu.cli.command import FAILURE, SUCCESS, WRONG_INPUT, Command
from cluster4npu.cli.console import Console, figure, table
from cluster4npu.cli.parsing import add_store, device_list, number
from cluster4npu.cli.pipelines import add_pipeline, runnable_pipeline
from cluster4npu.core.errors import Cancelled, StoreError
from cluster4npu.core.settings import default_store_path

if TYPE_CHECKING:
    from cluster4npu.core.bench.card import DeviceCard, ParityCard


class Parity(Command):
    """Compare every device with the reference on the same frames, and print the parity card.

    The reference is the first device that computes the model as it is. Boxes must match in 95% (IoU 0.5, same class),
    top-1 classes in 99%, raw outputs within the tolerance of the precision. Where the truth lies beside the clip
    (clip.mp4: clip.json) the mean average precision stands beside it. Exit code 1 when a device differs, 2 when
    nothing could be compared. What ran where is kept in the database's table `compatibility`, unless --no-store is
    given.
    """

    name = "parity"
    example = "cluster4npu parity example --devices 'onnx:cpu,onnx:cpu?precision=int8'"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_pipeline(parser)
        parser.add_argument("--devices", type=device_list, metavar="ID,ID", help="compare these devices")
        parser.add_argument(
            "--frames",
            type=number(int, unit="frames"),
            metavar="N",
            help="compare N frames (default: all whose truth is known, else 32)",
        )

        add_store(parser, optional=True)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.cli.interrupts import StopRequest
        from cluster4npu.cli.progress import Progress
        from cluster4npu.core.bench.card import compare_devices

        config = runnable_pipeline(args, console)
        with StopRequest() as stop, Progress(console) as bar:
            try:
                card = compare_devices(
                    config,
                    frames=args.frames,
                    progress=lambda told: bar.update(told.fraction, f"{told.stage}  {told.device}"),
                    cancelled=lambda: stop.requested,
                )
            except Cancelled as cancelled:
                raise KeyboardInterrupt from cancelled
        if not args.no_store:
            _keep(card, args.store or default_store_path(), console)
        console.object(card.as_dict())
        for line in report(card):
            console.out(line)
        if card.same is None:
            return WRONG_INPUT
        return SUCCESS if card.same else FAILURE


def _keep(card: ParityCard, path: Path, console: Console) -> None:
    """Keep the card; one that cannot be kept is shown all the same."""
    from cluster4npu.core.bench.card import keep_card
    from cluster4npu.core.store import Store

    try:
        keep_card(Store(path), card)
    except StoreError as error:
        console.note(f"not stored: {error}")


def report(card: ParityCard) -> list[str]:
    """Return the card for people."""
    rows = [
        (
            d.id,
            d.precision,
            d.unit + (" FELL BACK" if d.fell_back else ""),
            _agreement(d, d.id == card.reference),
            "-" if d.map50 is None else f"{d.map50:.4f}",
            figure(d.frame_ms, 2),
        )
        for d in card.devices
    ]
    headings = ("device", "precision", "runs on", "agrees with the reference", "mAP@0.5", "ms a frame")
    return [f"{card.verdict}: {card.frames} frames", "", *("  " + t for t in table(headings, rows, left=4))]


def _agreement(device: DeviceCard, reference: bool) -> str:
    if reference:
        return "is the reference"
    said = [
        f"{check.what}: nothing to compare"
        if check.score is None
        else f"{check.what} {check.score:.1%}" + ("" if check.same else f" (needs {check.needed:.0%})")
        for check in device.checks
    ]
    return ", ".join(said) or "nothing to compare"
