"""`cluster4npu devices`: lists what could run a model here."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.console import Console, figure, table

if TYPE_CHECKING:
    from cluster4npu.core.devices.backend import DeviceInfo


HEADINGS = (
    "device", "kind", "state", "precisions", "memory", "health", "load", "deg C", "name, or why not",
)  # fmt: skip


class Devices(Command):
    """List the devices of this machine, and why some cannot be used.

    Health is ok, warn, fail or unknown; load and temperature are "-" where they are not reported. With --json it prints
    an array with one object per device, with the reason of its health. What is not reported is null there.
    """

    name = "devices"
    example = "cluster4npu devices"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        pass

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.core.devices.manager import AdvancedDeviceManager

        devices = AdvancedDeviceManager().detect_all_devices()
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


def _health(device: DeviceInfo) -> str:
    bad = device.health.status in ("warn", "fail")
    return f"{device.health.status}: {device.health.reason}" if bad else device.health.status


def _gigabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 2**30:.1f} GiB"
