"""`cluster4npu convert`: the version of a model that a device loads, made beforehand and kept where you say."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.console import Console
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.reasons import reason_of
from cluster4npu.core.settings import resolve_path

if TYPE_CHECKING:
    from cluster4npu.core.devices.backend import Backend
    from cluster4npu.core.devices.ids import DeviceId


class Convert(Command):
    """Make the version of a model that a device loads: a Core ML package of a PyTorch program, or an fp16 model.

    A run does the same by itself; here the result can be taken to another machine. The device need not be here: Core ML
    packages are made and checked on Linux, too. int8 is made by a run, from the frames of its own source.
    """

    name = "convert"
    example = "cluster4npu convert net.pt2 --device coreml:ane -o net.mlpackage"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("model", metavar="MODEL", help="a model file, or bundled:NAME")
        parser.add_argument("--device", required=True, metavar="ID", help="the device that is to load it")
        parser.add_argument(
            "-o", "--output", required=True, type=Path, metavar="FILE", help="where to put it"
        )

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.core.devices import precision, registry
        from cluster4npu.core.devices.backend import Preparation
        from cluster4npu.core.devices.ids import DeviceId
        from cluster4npu.core.devices.model_file import read_model_file
        from cluster4npu.core.devices.model_package import model_bytes

        model, output = resolve_path(args.model, None), args.output.expanduser()
        (device,) = registry.settle((DeviceId.parse(args.device),))
        registry.device_options(device)
        if not registry.reads(device.backend, model):
            raise _not_from(device, model, registry.backend(device.backend))
        read_model_file(model)
        backend = registry.backend(device.backend)
        for info in registry.listed(backend.key):
            if info.id == device.device:
                precision.require(backend, device, info)
        what = backend.preparation(device, model)
        if what is not Preparation.CONVERT:
            raise _nothing_to_do(args.device, model, needs_frames=what is Preparation.CALIBRATE)
        if output.exists():
            raise _wrong_output("there is such a file already", output, "a name that is free")
        made = backend.prepare(model, device, None)
        if made.suffix != output.suffix.lower():
            raise _wrong_output(
                "the file has to be named otherwise", output, f"a name that ends in {made.suffix}"
            )
        try:
            (shutil.copytree if made.is_dir() else shutil.copy2)(made, output)
        except OSError as error:
            raise _wrong_output(
                f"it cannot be written: {reason_of(error)}", output, "a path to write to"
            ) from error
        size = model_bytes(output)
        console.object({"model": str(model), "device": str(device), "output": str(output), "bytes": size})
        console.out(f"{output} ({size / 1e6:.2f} MB) is {model.name} for {device}")
        return SUCCESS


def _not_from(device: DeviceId, model: Path, backend: Backend) -> InputError:
    return InputError(
        Problem(
            f"'{device.device}' has no version of such a model",
            field="MODEL",
            found=model.name,
            allowed=f"{backend.title}: {', '.join(backend.suffixes)}",
            hint="Convert the file that the model was exported from, for example its PyTorch program.",
        )
    )


def _nothing_to_do(device: str, model: Path, *, needs_frames: bool) -> InputError:
    if needs_frames:
        message = "int8 is made with frames of your own source"
        hint = "Run a pipeline with this device: it makes and keeps the model."
    else:
        message, hint = "this device loads the model as it is", "Use the file as it is."
    return InputError(
        Problem(
            message,
            field="--device",
            found=f"{device}, {model.name}",
            allowed="a device that needs another format or precision: coreml:ane, 'onnx:cuda:0?precision=fp16'",
            hint=hint,
        )
    )


def _wrong_output(message: str, output: Path, allowed: str) -> InputError:
    return InputError(
        Problem(message, field="-o", found=str(output), allowed=allowed, hint="Name another file with -o.")
    )
