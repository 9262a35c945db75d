"""`cluster4npu families`: well-known networks with random weights, made here and measured on the devices here."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster4npu.cli.command import FAILURE, SUCCESS, Command
from cluster4npu.cli.console import Console, figure, table
from cluster4npu.cli.parsing import add_store, common, device_list, number
from cluster4npu.core.errors import Cancelled, InputError, Problem
from cluster4npu.core.reasons import reason_of
from cluster4npu.core.settings import default_store_path

if TYPE_CHECKING:
    from cluster4npu.core.families.runner import FamilyRun

_ALL = "all"
_SIZES = ("reduced", "published")
_PRECISIONS = ("fp32", "fp16", "bf16", "int8")


class Families(Command):
    """List, make and measure well-known networks with random weights: for speed only, nothing is downloaded.

    Without a subcommand it lists them. 'run' measures each family on each device, batch and precision, each in a
    process of its own, and stores it. What a device refuses is a row with the reason.
    """

    name = "families"
    example = (
        "cluster4npu families list\n"
        "cluster4npu families build bert -o models\n"
        "cluster4npu families run bert,vit --devices onnx:cpu --batches 1,4 --precisions fp32,int8"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", metavar="{list,build,run}")
        actions.add_parser(
            "list", help="list the families", parents=[common()], description="List the families."
        )
        lines = self.example.splitlines()
        build = _action(actions, "build", "Write networks as ONNX files.", lines[1])
        build.add_argument(
            "-o", "--output", required=True, type=Path, metavar="DIR", help="the folder to write to"
        )
        run = _action(actions, "run", "Measure networks on devices.", lines[2])
        run.add_argument(
            "--devices", type=device_list, metavar="ID,ID", help="the devices (default: all that are here)"
        )
        run.add_argument(
            "--batches", type=_batches, default=(1,), metavar="N,N", help="inputs at once (default 1)"
        )
        run.add_argument(
            "--precisions", type=_precisions, default=("",), metavar="P,P",
            help=f"of {', '.join(_PRECISIONS)} (default: as the model, fp32)",
        )  # fmt: skip
        run.add_argument(
            "--seconds", type=number(float, unit="seconds", most=3600), default=3.0, metavar="S",
            help="to measure each for, after a warm-up (default 3)",
        )  # fmt: skip
        add_store(run, optional=True)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        if args.action == "build":
            return _build(args, console)
        return _run(args, console) if args.action == "run" else _list(console)


def _action(actions: Any, name: str, text: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=text[:1].lower() + text[1:-1],
        parents=[common()],
        description=text,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("families", metavar="FAMILY,FAMILY", help=f"their ids, or '{_ALL}'")
    parser.add_argument(
        "--size", choices=_SIZES, default=_SIZES[0], help="reduced (default), or as published"
    )
    return parser


def _batches(text: str) -> tuple[int, ...]:
    from cluster4npu.core.devices.backend import MOST_BATCH

    read = number(int, unit="inputs", most=MOST_BATCH)
    return tuple(dict.fromkeys(int(read(part)) for part in text.split(",")))


def _precisions(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if wrong := [part for part in found if part not in _PRECISIONS]:
        raise argparse.ArgumentTypeError(f"found '{wrong[0]}'; allowed: {', '.join(_PRECISIONS)}")
    return found


def _named(text: str) -> tuple[Any, ...]:
    from cluster4npu.core.families import families, family

    if text == _ALL:
        return tuple(families().values())
    return tuple(family(name.strip()) for name in text.split(","))


def _list(console: Console) -> int:
    from cluster4npu.core.families import SPEED_ONLY, families

    found = families().values()
    console.object({"label": SPEED_ONLY, "families": [_told(item) for item in found]})
    rows = [(item.id, item.task, item.title) for item in found]
    for line in table(("family", "task", "what it is"), rows, left=3):
        console.out(line)
    console.out("")
    console.out(f"All are {SPEED_ONLY}. Sizes: reduced, and published where --json names one.")
    return SUCCESS


def _told(item: Any) -> dict[str, Any]:
    sizes = [size for size in _SIZES if size != "published" or item.published is not None]
    return {
        "id": item.id,
        "title": item.title,
        "task": item.task,
        "computes": item.computes,
        "smallest_published": item.smallest,
        "sizes": sizes,
        "not_made": item.too_large,
        "inputs": {
            size: [
                {"name": t.name, "shape": ["batch", *t.shape], "dtype": t.dtype, "content": t.content.value}
                for t in item.inputs_of(size)
            ]
            for size in sizes
        },
    }


def _build(args: argparse.Namespace, console: Console) -> int:
    from cluster4npu.core.families import SPEED_ONLY, build
    from cluster4npu.core.families.building import file_name

    chosen = _named(args.families)
    for item in chosen:
        item.shape_of(args.size)
    files = []
    for item in chosen:
        try:
            path = build(item, args.size, args.output.expanduser() / file_name(item, args.size))
        except OSError as error:
            raise InputError(
                Problem(
                    f"the network cannot be written: {reason_of(error)}",
                    field="--output",
                    found=str(args.output),
                    allowed="a folder to write to",
                    hint="Name another folder with -o.",
                )
            ) from error
        files.append({"family": item.id, "path": str(path), "bytes": path.stat().st_size})
        console.out(f"{path} ({path.stat().st_size / 1e6:.2f} MB), {SPEED_ONLY}")
    console.object({"label": SPEED_ONLY, "size": args.size, "files": files})
    return SUCCESS


def _run(args: argparse.Namespace, console: Console) -> int:
    from cluster4npu.cli.interrupts import StopRequest
    from cluster4npu.cli.progress import Progress
    from cluster4npu.core.devices import registry
    from cluster4npu.core.devices.ids import DeviceId
    from cluster4npu.core.families import SPEED_ONLY
    from cluster4npu.core.families.runner import Plan, run
    from cluster4npu.core.store import Store

    chosen = _named(args.families)
    for item in chosen:
        item.shape_of(args.size)
    devices = args.devices or tuple(
        info.id for info in registry.detect(Path("family.onnx")) if info.available and not info.simulated
    )
    for device in devices:
        DeviceId.parse(device)
    plan = Plan(chosen, devices, args.batches, args.precisions, args.size, args.seconds)
    store = None if args.no_store else Store(args.store or default_store_path())
    if store is not None:
        store.require_writable()
    console.out(f"{SPEED_ONLY}; {args.size} size")
    told = []
    with StopRequest() as stop, Progress(console) as bar:

        def show(done: int, what: str) -> None:
            bar.update(done / plan.cells, what)

        try:
            for found in run(plan, show, lambda: stop.requested):
                told.append({**_kept(found, store), "headline": found.headline()})
                bar.wipe()
                for line in report(found):
                    console.out(line)
        except Cancelled as cancelled:
            raise KeyboardInterrupt from cancelled
    console.object({"label": SPEED_ONLY, "size": args.size, "runs": told})
    return SUCCESS if any(cell["measured"] for item in told for cell in item["cells"]) else FAILURE


def _kept(found: FamilyRun, store: Any) -> dict[str, Any]:
    """Store what was found, and return it as JSON holds it."""
    from cluster4npu.core.families.recording import detail, family_record

    if store is None:
        return {"run_id": None, **detail(found)}
    record = family_record(found, shlex.join(["cluster4npu", *sys.argv[1:]]))
    return {"run_id": store.save(record), **record.detail}


def report(found: FamilyRun) -> list[str]:
    """Return one family for people."""
    rows = [_row(cell) for cell in found.measured]
    headings = (
        "device", "runs on", "batch", "inputs/s", "mean ms", "p50", "p90", "p95", "p99", "first ms", "start ms",
        "memory MB",
    )  # fmt: skip
    lines = ["", f"{found.family.id}: {found.family.title}"]
    lines += ["  " + line for line in table(headings, rows, left=2)] if rows else []
    refused: dict[tuple[str, str], list[Any]] = {}
    for cell in found.cells:
        if cell.refusal:
            refused.setdefault((cell.device.partition("?")[0], cell.precision), []).append(cell)
    for (device, precision), cells in refused.items():
        batches = ", ".join(str(cell.batch) for cell in cells)
        what = " ".join(part for part in (device, precision, f"batch {batches}") if part)
        lines.append(f"  not measured: {what}: {cells[0].refusal}")
    return lines


def _row(cell: Any) -> Sequence[str]:
    latency = cell.latency_ms
    memory = None if cell.memory_bytes is None else cell.memory_bytes / 1e6
    return (
        cell.device,
        cell.unit + (" FELL BACK" if cell.fell_back else ""),
        str(cell.batch),
        figure(cell.throughput),
        *(figure(value, 2) for value in (latency.mean, latency.p50, latency.p90, latency.p95, latency.p99)),
        figure(cell.first_inference_ms, 2),
        figure(cell.startup_ms, 0),
        figure(memory, 1),
    )
