"""Which node a file or folder becomes, as the node types themselves say by their file filters."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.model_package import is_package
from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Node, Place, ui_hint

_PIPELINES = (".json", ".mflow")
_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class Dropped:
    """A node type and the one parameter that the path gives it."""

    type: str
    param: str
    value: JsonValue


def is_pipeline(path: Path | str) -> bool:
    """Tell whether the path looks like a pipeline file."""
    return isinstance(path, Path) and path.suffix.lower() in _PIPELINES


def node_for(path: Path | str) -> Dropped | Problem:
    """Return the node that works with this path, or why there is none; a text is the address of something elsewhere."""
    try:
        folder = isinstance(path, Path) and path.is_dir() and not is_package(path)
        exists = isinstance(path, Path) and path.exists()
    except (OSError, ValueError):
        folder = exists = False
    if isinstance(path, str) or not exists:
        return Problem(
            "what was dropped is no file or folder of this machine",
            found=str(path)[:200],
            hint="Save it to a folder first.",
        )
    for key, cls in node_types().items():
        if cls.place in (Place.SOURCE, Place.INFERENCE):
            for name, info in cls.Params.model_fields.items():
                if ui_hint(info, "widget") == ("folder" if folder else "file") and (
                    folder or _fits(path, cls, str(ui_hint(info, "file_filter") or ""))
                ):
                    return Dropped(key, name, str(path))
    if is_pipeline(path):
        hint = "Drop it alone, to open it."
        return Problem("a pipeline does not go into another one", found=path.name[:200], hint=hint)
    picture = path.suffix.lower() in _PICTURES
    return Problem(
        "no node works with such a file",
        found=path.name[:200],
        allowed="a video, a folder of images, a model or a pipeline file",
        hint="Drop the folder in which the image lies." if picture else "Convert it, or choose another file.",
    )


def _fits(path: Path, cls: type[Node], file_filter: str) -> bool:
    """Tell whether one of the filter's patterns names this file; a model may be any that a backend reads."""
    if cls.place is Place.INFERENCE:
        return any(path.suffix.lower() in b.suffixes for b in registry.backends().values())
    patterns = re.findall(r"\*\.\w+", file_filter)
    return any(fnmatch.fnmatch(path.name.lower(), pattern.lower()) for pattern in patterns)
