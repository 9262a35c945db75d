"""Which files a pipeline is made of: those that its parameters name, and what lies beside a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cluster4npu.core.devices.model_file import external_files
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes import node_type
from cluster4npu.core.nodes.base import ui_hint
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.core.pipeline.config import NodeConfig, PipelineConfig
from cluster4npu.core.settings import BUNDLED_PREFIX

_OUTWARD = {"url", "host", "index"}  # an address or a camera: nothing that another machine could run again
_RESULTS = "Outputs"
_MOST = 9999


def file_params(pipeline: PipelineConfig) -> Iterator[tuple[NodeConfig, str, str]]:
    """Yield node, parameter and text of every parameter that names a file or folder which the pipeline reads or writes.

    Raises InputError for a node that reaches out of the machine, and for a type that is not known here.
    """
    for node in pipeline.nodes:
        try:
            fields = node_type(node.type).Params.model_fields
        except KeyError as error:
            raise InputError(
                Problem("this node type is not known here", node=node.id, found=node.type)
            ) from error
        outward = sorted(_OUTWARD & set(fields))
        if outward and not node.bypassed:
            raise InputError(
                Problem(
                    "a pipeline that reaches out of the machine cannot be run again elsewhere",
                    node=node.id,
                    field=outward[0],
                    found=node.type,
                    allowed="files, generated frames, and results that stay in files",
                    hint="Record the stream into a file, or bypass the node, and benchmark that.",
                )
            )
        for name, info in fields.items():
            text = node.params.get(name)
            named = isinstance(text, str) and text not in ("", NO_MODEL)
            if named and ui_hint(info, "widget") in ("file", "folder"):
                yield node, name, str(text)


def is_result(node: NodeConfig) -> bool:
    """Tell whether the node's file is one that it writes."""
    return node_type(node.type).category == _RESULTS


def is_bundled(text: str) -> bool:
    """Tell whether a parameter names a file that ships with the program."""
    return text.startswith(BUNDLED_PREFIX)


def parts_of(path: Path) -> list[Path]:
    """Return the files of one parameter: the file and the weights beside it, or a folder's files.

    Raises InputError where nothing is there, or far too much.
    """
    if path.is_dir():
        found = sorted(item for item in path.iterdir() if item.is_file())
    elif path.is_file():
        found = [path, *(external_files(path) if path.suffix.lower() == ".onnx" else [])]
    else:
        found = []
    if not 0 < len(found) <= _MOST or any(
        item.parent != (path if path.is_dir() else path.parent) for item in found
    ):
        raise InputError(
            Problem(
                "a file of this run is not there any more, or cannot be bundled",
                found=f"{path}: {len(found)} files",
                allowed=f"a file, or a folder of up to {_MOST} files",
                hint="Name the folder to which the pipeline's relative paths belong with --folder.",
            )
        )
    return found
