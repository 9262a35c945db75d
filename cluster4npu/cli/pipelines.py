"""The argument PIPELINE (a file or a template's name) and what changes it: --devices, --policy, --set."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from cluster4npu.cli.console import Console
from cluster4npu.core.errors import InputError, PipelineInvalid, Problem, nearest
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Place, ui_hint
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.graph import find_problems, make_node
from cluster4npu.core.settings import assets_dir
from cluster4npu.templates import PipelineTemplates

EXAMPLE = "example"
_PATHS = ("file", "folder")  # parameters whose value is one


def add_pipeline(parser: argparse.ArgumentParser) -> None:
    """Add the argument PIPELINE and --set."""
    parser.add_argument(
        "pipeline", metavar="PIPELINE", help="a pipeline file, 'example', or the name of a template"
    )
    parser.add_argument(
        "--set",
        dest="sets",
        action="append",
        default=[],
        metavar="NODE.PARAM=VALUE",
        help="set a node's parameter for this time; VALUE is JSON, or text (may be given again)",
    )


def open_pipeline(text: str) -> PipelineConfig:
    """Read a pipeline file; a name without such a file is 'example' or a template."""
    if not Path(text).exists():
        if text == EXAMPLE:
            return PipelineConfig.open(assets_dir() / "example.json")
        if text in PipelineTemplates.names():
            return PipelineTemplates.get(text)
    return PipelineConfig.open(text)


def chosen_pipeline(args: argparse.Namespace) -> PipelineConfig:
    """Return the pipeline with everything applied that the options say; unchecked."""
    config = open_pipeline(args.pipeline)
    for text in args.sets:
        config = _set(config, text)
    devices: Sequence[str] | None = getattr(args, "devices", None)
    policy: str | None = getattr(args, "policy", None)
    execution: str | None = getattr(args, "execution", None)
    if execution is not None:
        config = config.replace(execution=execution)
    for entry in config.nodes:
        if entry.type == "inference":
            if devices is not None:
                config = config.with_params(entry.id, devices=list(devices))
            if policy is not None:
                config = config.with_params(entry.id, policy=policy)
    return config


def runnable_pipeline(args: argparse.Namespace, console: Console) -> PipelineConfig:
    """Return the chosen pipeline, checked: warnings go to stderr, errors are raised as PipelineInvalid."""
    config = chosen_pipeline(args)
    problems = find_problems(config)
    errors = [p for p in problems if p.severity == "error"]
    if errors:
        raise PipelineInvalid.of(errors)
    for problem in problems:
        console.problem(problem)
    return config


def _set(config: PipelineConfig, text: str) -> PipelineConfig:
    place, equals, value = text.partition("=")
    node_id, dot, name = place.partition(".")
    if not (equals and dot and node_id and name):
        raise InputError(
            Problem(
                "--set does not say what to set",
                found=text,
                allowed="NODE.PARAM=VALUE",
                hint="Example: --set source.loop=true",
            )
        )
    ids = [node.id for node in config.nodes]
    if node_id not in ids:
        raise InputError(
            Problem(
                "--set names a node that is not in the pipeline",
                node=node_id,
                found=text,
                allowed=", ".join(ids),
                hint=nearest(node_id, ids) or "Choose one of those.",
            )
        )
    entry = config.node(node_id)
    cls = node_types().get(entry.type)
    names = list(cls.Params.model_fields) if cls else [name]
    if name not in names:
        raise InputError(
            Problem(
                f"--set names a parameter that a '{entry.type}' node does not have",
                node=node_id,
                field=name,
                found=text,
                allowed=", ".join(names),
                hint=nearest(name, names) or "Choose one of those.",
            )
        )
    if cls and cls.place is not Place.SINK and ui_hint(cls.Params.model_fields[name], "widget") in _PATHS:
        value = _from_here(value)
    # A text parameter may look like JSON (a folder that is called 2024), and a list is typed as for --devices.
    read: list[JsonValue] = [_json_or_text(value), value, [part.strip() for part in value.split(",")]]
    changed = [config.with_params(node_id, **{name: item}) for item in read]
    return next((config for config in changed if _fits(config, node_id, name)), changed[0])


def _from_here(value: str) -> str:
    """Return a path as the file is to have it: what exists in the working folder is meant, as in any other command."""
    is_here = value not in ("", NO_MODEL) and Path(value).exists()
    return str(Path(value).resolve()) if is_here else value


def _fits(config: PipelineConfig, node_id: str, name: str) -> bool:
    _, problems = make_node(config.node(node_id), config)
    return not any(p.field.split(".")[0] == name for p in problems)


def _json_or_text(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value
