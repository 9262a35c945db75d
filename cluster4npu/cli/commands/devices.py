"""`cluster4npu devices`: lists what could run a model here."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.console import Console, figure, table


class Devices(Command):
    """List the devices of this machine, and why some cannot be used.

    With --json it prints an array with one object per device. What hardware does not report is null there.
    """

    name = "devices"
    example = "cluster4npu devices"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        pass

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.core.devices.registry import detect

        devices = detect()
        console.object([asdict(device) for device in devices])
        rows = [
            (
                d.id,
                d.kind,
                "SIMULATED" if d.simulated else "available" if d.available else "not here",
                ", ".join(d.precisions) or "-",
                _gigabytes(d.memory_bytes),
                figure(d.health.temperature_c),
                d.name if d.available else d.reason,
            )
            for d in devices
        ]
        lines = table(
            ("device", "kind", "state", "precisions", "memory", "deg C", "name, or why not"), rows, left=7
        )
        for line in lines:
            console.out(line)
        return SUCCESS


def _gigabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 2**30:.1f} GiB"
