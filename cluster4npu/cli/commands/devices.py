"""`cluster4npu devices`: lists what could run a model here."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.console import Console, figure, table
from cluster4npu.cli.parsing import add_store

if TYPE_CHECKING:
    from cluster4npu.core.devices.backend import DeviceInfo
    from cluster4npu.core.devices.manager import AdvancedDeviceManager


HEADINGS = (
    "device", "kind", "state", "precisions", "memory", "health", "load", "deg C", "name, or why not",
)  # fmt: skip


PROFILE = ("model", "precision", "measured", "runs", "frames/s", "best", "p95 ms", "last, UTC")


class Devices(Command):
    """List the devices of this machine, and why some cannot be used; or what one of them did in the stored runs.

    Health is ok, warn, fail or unknown; load and temperature are "-" where they are not reported. With --json it prints
    an array with one object per device, with the reason of its health. What is not reported is null there.
    With --history DEVICE it prints what one worker of that device made of each model: medians over the stored runs.
    """

    name = "devices"
    example = "cluster4npu devices"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--history", metavar="DEVICE", help="what this device did in the stored runs")
        add_store(parser, optional=True)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.core.devices.manager import AdvancedDeviceManager

        if args.history:
            return _tell_history(AdvancedDeviceManager(args.store), args.history, console)
        devices = AdvancedDeviceManager().detect_all_devices(console.note)
        console.object([asdict(device) for device in devices])
        rows = [
            (
                d.id,
                d.kind,
                "SIMULATED" if d.simulated else "available" if d.available else "not here",
                ", ".join(d.precisions) or "-",
                _gigabytes(d.memory_bytes),
                _health(d),
                "-" if d.health.utilization is None else f"{d.health.utilization:.0%}",
                figure(d.health.temperature_c),
                d.name if d.available else d.reason,
            )
            for d in devices
        ]
        lines = table(HEADINGS, rows, left=len(HEADINGS))
        for line in lines:
            console.out(line)
        return SUCCESS


def _tell_history(manager: AdvancedDeviceManager, device: str, console: Console) -> int:
    metrics = manager.monitor_device_performance(device)
    parts = {"profile": metrics.profile, "runs": metrics.runs, "health": metrics.history}
    console.object(
        {"id": metrics.id, **{name: [_plain(item) for item in part] for name, part in parts.items()}}
    )
    rows = [
        (
            p.model or "no model",
            p.precision or "as the model",
            ("alone" if p.alone else "beside others") + (", SIMULATED" if p.simulated else ""),
            str(p.runs),
            f"{p.fps:.1f}",
            f"{p.fps_best:.1f}",
            figure(p.latency_p95_ms),
            p.last.strftime("%Y-%m-%d %H:%M"),
        )
        for p in metrics.profile
    ]
    looks = len(metrics.history)
    runs = len(metrics.runs)
    told = f"{runs} measurement{'s' * (runs != 1)} in stored runs, {looks} look{'s' * (looks != 1)} at its health"
    console.out(f"{metrics.id}: {told}")
    for line in table(PROFILE, rows, left=3) if rows else ["", "No stored run has used it."]:
        console.out(line)
    return SUCCESS


def _plain(item: Any) -> dict[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(item).items()
    }


def _health(device: DeviceInfo) -> str:
    bad = device.health.status in ("warn", "fail")
    return f"{device.health.status}: {device.health.reason}" if bad else device.health.status


def _gigabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 2**30:.1f} GiB"
