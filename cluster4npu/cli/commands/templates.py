"""`cluster4npu templates`: lists ready pipelines and makes files from them."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from cluster4npu.cli.command import SUCCESS, Command
from cluster4npu.cli.console import Console
from cluster4npu.cli.parsing import common, device_list
from cluster4npu.core.errors import DeviceUnavailable, InputError, Problem
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.core.settings import BUNDLED_PREFIX
from cluster4npu.templates import PipelineTemplates


class Templates(Command):
    """List ready pipelines, or make a file from one.

    Without a subcommand it lists them.
    """

    name = "templates"
    example = (
        "cluster4npu templates list\n"
        "cluster4npu templates new object_detection -o mine.json --model yolo11n.onnx --devices onnx:cpu"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", metavar="{list,new}")
        actions.add_parser(
            "list", help="list the templates", parents=[common()], description="List the templates."
        )
        new = actions.add_parser(
            "new",
            help="make a pipeline file from a template",
            parents=[common()],
            description="Make a pipeline file from a template.",
            epilog=f"example:\n  {self.example.splitlines()[1]}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        new.add_argument("template", metavar="NAME", help="the template")
        new.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="the file to write")
        new.add_argument("--model", metavar="M", help="your model (.onnx, or TorchScript .pt), or 'none'")
        new.add_argument(
            "--devices", type=device_list, default=(), metavar="ID,ID", help="the devices to run on"
        )
        new.add_argument("--force", action="store_true", help="replace FILE if it exists")

    def run(self, args: argparse.Namespace, console: Console) -> int:
        return _new(args, console) if args.action == "new" else _list(console)


def _list(console: Console) -> int:
    infos = PipelineTemplates.catalogue()
    console.object({"templates": [asdict(info) for info in infos]})
    width = max(len(info.key) for info in infos) + 2
    for info in infos:
        console.out(
            f"{info.key:<{width}}{info.use_case}" + (" (with a model of yours)" if info.model_needed else "")
        )
    return SUCCESS


def _new(args: argparse.Namespace, console: Console) -> int:
    output: Path = args.output
    if output.exists() and not args.force:
        raise InputError(
            Problem(
                "the file exists already",
                field="--output",
                found=str(output),
                hint="Choose another name, or add --force to replace it.",
            )
        )
    config = PipelineTemplates.get(args.template, model=_path_in(output, args.model), devices=args.devices)
    problems = find_problems(config.replace(base=output.resolve().parent))
    errors = [p for p in problems if p.severity == "error"]
    if errors:
        raise InputError(errors[0], *errors[1:])
    if args.model not in (None, NO_MODEL) and not args.model.startswith(BUNDLED_PREFIX):
        _look_into(Path(args.model).expanduser(), args.template, console)
    config.save(output)
    console.object(
        {"ok": True, "template": args.template, "path": str(output), "description": config.description}
    )
    console.out(f"Wrote {output}. {config.description}")
    console.out(f"Try it: cluster4npu run {output}")
    return SUCCESS


def _look_into(model: Path, template: str, console: Console) -> None:
    """Raise InputError for a model that cannot be read, or is for another task than the template's."""
    from cluster4npu.core.devices.inspection import inspect_model
    from cluster4npu.core.devices.model_report import UNKNOWN

    try:
        report = inspect_model(model)
    except DeviceUnavailable as error:  # its runtime is not here: a run on another machine may have it
        console.note(f"The model was not looked into: {error.problems[0].text()}")
        return
    wanted = PipelineTemplates.task(template)
    if wanted and report.task == UNKNOWN:
        console.note(f"Nobody knows what {model.name} is for; '{template}' needs a model for {wanted}.")
    elif wanted and report.task != wanted:
        raise InputError(
            Problem(
                f"this model is for {report.task}",
                field="--model",
                found=model.name,
                allowed=f"a model for {wanted}, which '{template}' needs",
                hint="Choose another model, or another template: `cluster4npu templates` lists them.",
            )
        )


def _path_in(output: Path, model: str | None) -> str | None:
    """Return the model's path as it shall stand in the file: relative below the file's folder, else whole."""
    if model is None or model == NO_MODEL or model.startswith(BUNDLED_PREFIX):
        return model
    path, folder = Path(model).expanduser().resolve(), output.resolve().parent
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
