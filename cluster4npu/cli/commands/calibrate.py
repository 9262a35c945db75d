"""`cluster4npu calibrate`: measures how fast each device runs this pipeline."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from cluster4npu.cli.command import INTERRUPTED, SUCCESS, Command
from cluster4npu.cli.console import Console, table
from cluster4npu.cli.parsing import device_list
from cluster4npu.cli.pipelines import add_pipeline, runnable_pipeline
from cluster4npu.core.errors import InputError, Problem, RunFailed
from cluster4npu.core.pipeline.rates import no_devices_to_compare, runs_in_one_process

if TYPE_CHECKING:
    from cluster4npu.core.engine.messages import DeviceCalibration


class Calibrate(Command):
    """Measure how fast each device runs this pipeline: alone, then all together.

    The weights decide how frames are shared. They are kept, and used by every later run of the
    same pipeline on the same devices; this command measures them anew.
    """

    name = "calibrate"
    example = "cluster4npu calibrate example --devices onnx:cpu,onnx:cpu#2"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_pipeline(parser)
        parser.add_argument("--devices", type=device_list, metavar="ID,ID", help="measure these devices")

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.cli.watching import watch
        from cluster4npu.core.engine.messages import DeviceCalibration, RunOptions

        config = runnable_pipeline(args, console)
        if runs_in_one_process(config):
            raise InputError(no_devices_to_compare())
        watched = watch(config, RunOptions(calibration="always", frames=1), console, only_calibrate=True)
        if not watched.calibrated:
            if watched.interrupted:
                raise KeyboardInterrupt
            raise watched.error or RunFailed(Problem("the run ended before the devices were measured"))
        devices = [(stage, d) for stage, event in watched.calibrated.items() for d in event.devices]
        told = {(stage, d.id) for stage, d in devices}
        devices += [(s, DeviceCalibration(d, 0.0, 0.0, 0.0)) for s, d in watched.lost if (s, d) not in told]
        console.object({"devices": [_found(device, stage) for stage, device in devices]})
        rows = [
            (d.id, stage, _rate(d.fps_alone), _rate(d.fps_together), f"{d.weight:.1%}", str(d.batch))
            for stage, d in devices
        ]
        for line in table(("device", "stage", "frames/s alone", "together", "weight", "batch"), rows, left=2):
            console.out(line)
        for stage in sorted(watched.stages - set(watched.calibrated)):
            console.note(f"'{stage}' was not measured: the first frames give it nothing to do")
        return INTERRUPTED if watched.interrupted else SUCCESS


def _found(device: DeviceCalibration, stage: str) -> dict[str, object]:
    """Return what was measured of a device; None for what was not, since the device failed."""
    rates = {name: getattr(device, name) or None for name in ("fps_alone", "fps_together")}
    return {**asdict(device), **rates, "stage": stage}


def _rate(fps: float) -> str:
    return f"{fps:.1f}" if fps else "not measured"
