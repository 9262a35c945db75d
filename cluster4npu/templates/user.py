"""The user's own templates: a folder of files in the data folder; others' files are taken in without their paths."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from pydantic import JsonValue

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.files import write_whole
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Place, ui_hint
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.core.pipeline.config import NodeConfig, PipelineConfig
from cluster4npu.core.reasons import reason_of
from cluster4npu.core.settings import BUNDLED_PREFIX, data_dir
from cluster4npu.core.vision.capture import redact_url
from cluster4npu.templates.file import TemplateFile

PREFIX = "my_"
_MOST = 500
_log = logging.getLogger(__name__)


def folder() -> Path:
    """Return where the user's templates are kept; it may not exist yet."""
    return data_dir() / "templates"


def templates() -> dict[str, TemplateFile]:
    """Return the user's templates by key; a file that is broken is left out, and told in the log."""
    found = {}
    for path in sorted(folder().glob("*.json"))[:_MOST]:
        try:
            found[PREFIX + path.stem] = TemplateFile.read(path)
        except InputError as error:
            _log.warning("template %s is left out: %s", path, error)
    return found


def save(config: PipelineConfig, title: str, use_case: str = "") -> tuple[str, list[str]]:
    """Keep a pipeline as a template; return its key and the parameters that were left out. Raises InputError."""
    title = " ".join(title.split())
    if not title:
        raise InputError(Problem("a template needs a name", field="template", hint="Type a name."))
    portable, left_out = without_places(config)
    needs_model = any(name.endswith(".model") for name in left_out)
    file = TemplateFile(
        title=title[:200],
        use_case=use_case[:400] or "A template of your own",
        model_needed=needs_model,
        description=config.description or "Made from a pipeline of your own.",
        try_out="Choose your own model in the inference node." if needs_model else "",
        pipeline=portable.replace(name=title[:200], description=""),
    )
    return _keep(file), left_out


def take(path: Path) -> tuple[str, list[str]]:
    """Take over a template file from somebody else; paths in it are left out. Raises InputError."""
    file = TemplateFile.read(path)
    portable, left_out = without_places(file.pipeline)
    return _keep(file.model_copy(update={"pipeline": portable})), left_out


def write(file: TemplateFile, path: Path) -> None:
    """Write a template for others; raises InputError when it cannot be written."""
    portable, _left_out = without_places(file.pipeline)
    try:
        write_whole(path, file.model_copy(update={"pipeline": portable}).text())
    except OSError as error:
        raise _cannot_write(path, error) from error


def remove(key: str) -> None:
    """Delete a template of the user's; raises InputError for any other."""
    path = folder() / f"{key.removeprefix(PREFIX)}.json"
    if not key.startswith(PREFIX) or key not in templates():
        raise InputError(Problem("this is no template of yours", field="template", found=key))
    path.unlink(missing_ok=True)


def without_places(config: PipelineConfig) -> tuple[PipelineConfig, list[str]]:
    """Return the pipeline without files, folders and addresses of a machine, and the NODE.PARAM of each of them.

    Whoever opens it must not write where somebody else has told, nor learn where they keep their files.
    """
    left_out: list[str] = []
    nodes = []
    for node in config.nodes:
        kept = {name: value for name, value in node.params.items() if not _is_place(node, name, value)}
        left_out += [f"{node.id}.{name}" for name in node.params if name not in kept]
        nodes.append(node.model_copy(update={"params": kept}))
    return config.replace(nodes=tuple(nodes), base=None), left_out


def _is_place(node: NodeConfig, name: str, value: JsonValue) -> bool:
    if not isinstance(value, str) or value == NO_MODEL or value.startswith(BUNDLED_PREFIX):
        return False
    cls = node_types().get(node.type)
    info = cls.Params.model_fields.get(name) if cls is not None else None
    if info is None:  # of a node type that is not here: nobody knows what it is
        return "/" in value or "\\" in value
    if ui_hint(info, "widget") in ("file", "folder", "save", "address"):
        return True
    receiver = cls is not None and cls.place is Place.SINK  # nothing is sent where somebody else has told
    return "://" in value and (receiver or redact_url(value) != value)


def _keep(file: TemplateFile) -> str:
    stem = re.sub(r"[^a-z0-9]+", "_", file.title.lower()).strip("_") or "template"
    place, taken = folder(), {path.stem for path in folder().glob("*.json")}
    if len(taken) >= _MOST:
        raise InputError(Problem("there are too many templates", found=str(len(taken)), hint="Remove some."))
    name = next(n for n in (stem, *(f"{stem}_{i}" for i in range(2, _MOST + 2))) if n not in taken)
    try:
        place.mkdir(parents=True, exist_ok=True)
        write_whole(place / f"{name}.json", file.text())
    except OSError as error:
        raise _cannot_write(place / f"{name}.json", error) from error
    return PREFIX + name


def _cannot_write(path: Path, error: OSError) -> InputError:
    found = f"{path}: {reason_of(error)}"
    return InputError(Problem("the template cannot be written", field="template", found=found))
