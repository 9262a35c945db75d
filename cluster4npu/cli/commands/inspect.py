"""`cluster4npu inspect`: what a model file is, without running it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.console import Console, escaped
from cluster4npu.core.settings import resolve_path

if TYPE_CHECKING:
    from cluster4npu.core.devices.model_report import ModelReport

_MOST_OPERATORS = 8


class Inspect(Command):
    """Look at a model file in a process with limits: inputs, outputs, operators, parameters, what it is for.

    The file is loaded on the processor and never run. Weights in other files are read only from the model's own
    folder. What cannot be known reads "not reported". Models with other inputs than one image are shown, too; a
    pipeline does not take them.
    """

    name = "inspect"
    example = "cluster4npu inspect bundled:digits_detector.onnx"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("model", metavar="MODEL", help="a model file, or bundled:NAME")

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.core.devices.inspection import inspect_model

        report = inspect_model(resolve_path(args.model, None), named=True)
        console.object(report.as_dict())
        for line in lines(report):
            console.out(line)
        return SUCCESS


def lines(report: ModelReport) -> list[str]:
    """Return a report for people, one line for each thing, whatever is in the names of a file from anybody."""
    operators = [f"{count} {name}" for name, count in list(report.operators.items())[:_MOST_OPERATORS]]
    if len(report.operators) > _MOST_OPERATORS:
        operators.append(f"{len(report.operators) - _MOST_OPERATORS} other kinds")
    rows = [
        ("file", f"{report.path} ({report.bytes / 1e6:.2f} MB, {report.format})"),
        ("SHA-256", report.sha256),
        *([("made from", f"{report.made_from}, in another precision")] if report.made_from else []),
        *([("description", report.description)] if report.description else []),
        *(("input", f"{t.name}: {_text(t.shape)} {t.dtype}") for t in report.inputs),
        *(("output", f"{t.name}: {_text(t.shape)}") for t in report.outputs),
        ("task", report.task + (f", boxes as {report.layout}" if report.layout else "")),
        ("labels", ", ".join(report.labels[:12]) + (" ..." if len(report.labels) > 12 else "") or "none"),
        ("parameters", "not reported" if report.parameters is None else f"{report.parameters:,}"),
        (
            "compute",
            "not reported" if report.flops is None else f"{report.flops / 1e9:.2f} GFLOP for one input",
        ),
        ("operators", ", ".join(operators) or "not reported"),
        ("weights in", ", ".join(report.external) or "the file itself"),
    ]
    return [f"{title:<11} {escaped(value)}" for title, value in rows]


def _text(shape: tuple[int | None, ...]) -> str:
    from cluster4npu.core.devices.model_file import shape_text

    return shape_text(shape)
