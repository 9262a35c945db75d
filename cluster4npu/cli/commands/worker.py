"""`cluster4npu worker`: lends one of this machine's devices to other machines."""

from __future__ import annotations

import argparse

from cluster4npu.cli.command import Command
from cluster4npu.cli.console import Console
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.reasons import reason_of


class Worker(Command):
    """Lend a device of this machine to others that know the secret, until Ctrl-C.

    Set CLUSTER4NPU_WORKER_SECRET to the same 16 characters or more on both machines, and there
    CLUSTER4NPU_WORKERS to this one's HOST:PORT: then it is the device remote:HOST:PORT. Frames and
    models are not encrypted on their way: use a network that you trust, or a tunnel
    (ssh -N -L 9700:127.0.0.1:9700 ME@HOST, with a worker that listens for its own machine only).
    """

    name = "worker"
    example = "cluster4npu worker --listen 127.0.0.1:9700 --device onnx:cpu"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--listen",
            metavar="HOST:PORT",
            default="127.0.0.1:9700",
            help="where (this machine only: 127.0.0.1)",
        )
        parser.add_argument("--device", metavar="ID", default="onnx:cpu", help="the device that is lent")

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.cli.interrupts import StopRequest
        from cluster4npu.core.devices.ids import DeviceId
        from cluster4npu.core.devices.remote import parse_address, secret
        from cluster4npu.core.devices.remote_service import Service

        address, device, key = parse_address(args.listen), DeviceId.parse(args.device), secret()
        with StopRequest() as stop:
            try:
                service = Service(address, device, key, console.note)
            except OSError as error:
                problem = Problem(
                    "this address cannot be listened on",
                    field="--listen",
                    found=f"{args.listen}: {reason_of(error)}",
                    hint="Choose another port, or an address of this machine.",
                )
                raise InputError(problem) from error
            console.note(f"Lending {device} at {service.address} until Ctrl-C")
            if address[0] not in ("127.0.0.1", "localhost"):
                console.note(
                    "What is sent is not encrypted: for networks that you trust, or through a tunnel."
                )
            while not stop.wait(3600.0):
                pass
        raise KeyboardInterrupt
