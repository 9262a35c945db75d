"""The pipeline file: frozen, versioned records of nodes and edges, read and written without running any code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from cluster4npu.core import wording
from cluster4npu.core.errors import InputError, PipelineInvalid, Problem
from cluster4npu.core.files import read_whole, write_whole
from cluster4npu.core.pipeline.bounds import (
    FARTHEST,
    MAX_FILE_BYTES,
    SIDES,
    place_of,
    too_large,
    too_many,
    unwritable,
)
from cluster4npu.core.pipeline.migrate import CURRENT_VERSION, migrate
from cluster4npu.core.reasons import reason_of

NODE_ID_PATTERN = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"
_JSON_NAMES = {list: "list", str: "text", bool: "true or false", type(None): "null"}
_PORT_PATTERN = r"^[A-Za-z][A-Za-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,31}$"


_Side = Annotated[float, Field(ge=SIDES[0], le=SIDES[1])]
_Far = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]


def _without_zero(text: str) -> str:
    if "\0" in text:
        raise ValueError("this text holds a character of the number 0, which no file can hold")
    return text


Text = Annotated[str, AfterValidator(_without_zero)]


class Record(BaseModel):
    """Base of everything in a pipeline file: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class NodeConfig(Record):
    """One node: its id (unique in the file), its type, and those parameters that differ from the defaults."""

    id: str = Field(
        pattern=NODE_ID_PATTERN, description="Unique name; used as NODE.PARAM on the command line."
    )
    type: str = Field(min_length=1, max_length=64)
    params: dict[str, JsonValue] = Field(default_factory=dict)
    title: Text = Field(
        default="", max_length=200, description="Shown on the canvas; empty: the type's own title."
    )
    position: tuple[_Far, _Far] = Field(default=(0.0, 0.0), description="Place on the canvas, in pixels.")
    bypassed: bool = Field(
        default=False, description="Left out of runs; what it would only pass on goes around it."
    )

    @model_serializer(mode="wrap")
    def _write(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `bypassed` out of the file where it is false: most files never use it."""
        data: dict[str, Any] = handler(self)
        if not self.bypassed:
            data.pop("bypassed", None)
        return data


class EdgeConfig(Record):
    """One wire from an output port to an input port, each written NODE.PORT."""

    source: str = Field(pattern=_PORT_PATTERN)
    target: str = Field(pattern=_PORT_PATTERN)

    @cached_property
    def source_node(self) -> str:
        return self.source.split(".")[0]

    @cached_property
    def source_port(self) -> str:
        return self.source.split(".")[1]

    @cached_property
    def target_node(self) -> str:
        return self.target.split(".")[0]

    @cached_property
    def target_port(self) -> str:
        return self.target.split(".")[1]


class BoxConfig(Record):
    """A titled box behind the nodes of the canvas: a comment, and a group of the nodes that stand in it."""

    id: str = Field(pattern=NODE_ID_PATTERN)
    text: Text = Field(default="", max_length=4000, description="The first line is the title.")
    position: tuple[_Far, _Far] = Field(default=(0.0, 0.0), description="Upper left corner, in pixels.")
    size: tuple[_Side, _Side] = Field(default=(320.0, 200.0), description="Width and height, in pixels.")


class Targets(Record):
    """What the user wants to reach; None where nothing was asked for."""

    fps: float | None = Field(default=None, gt=0, le=100_000, description="Frames per second, at least.")
    latency_p95_ms: float | None = Field(
        default=None,
        gt=0,
        le=3_600_000,
        description="End-to-end latency of 95% of the frames, in ms, at most.",
    )


_Entry = TypeVar("_Entry", NodeConfig, BoxConfig)


class PipelineConfig(Record):
    """A whole pipeline. Equal configs have equal `text()` and `digest()`.

    `base` is the folder to which relative paths in parameters belong; it is not part of the file.
    """

    version: Literal[1] = CURRENT_VERSION
    name: Text = Field(default="Untitled", max_length=200)
    description: Text = Field(default="", max_length=4000)
    execution: Literal["push", "on_demand"] = Field(
        default="push",
        description="push: every frame is computed; on_demand: only what is asked for, by nodes with a rate.",
    )
    mode: Text = Field(
        default="", max_length=64, description="The mode in which a run begins, where rates depend on modes."
    )
    nodes: tuple[NodeConfig, ...] = ()
    edges: tuple[EdgeConfig, ...] = ()
    targets: Targets = Targets()
    boxes: tuple[BoxConfig, ...] = Field(default=(), description="Comments and groups on the canvas.")
    base: Path | None = Field(default=None, exclude=True, repr=False)

    @model_serializer(mode="wrap")
    def _write(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if not self.boxes:
            data.pop("boxes", None)
        return data

    @field_validator("nodes", "boxes")
    @classmethod
    def _ids_are_unique(cls, entries: tuple[_Entry, ...], info: ValidationInfo) -> tuple[_Entry, ...]:
        seen: set[str] = set()
        for entry in entries:
            if entry.id in seen:
                raise ValueError(f"two {info.field_name} have the id '{entry.id}'; rename one of them")
            seen.add(entry.id)
        return entries

    def node(self, node_id: str) -> NodeConfig:
        """Return the node with this id; raises KeyError."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    def with_node(self, node: NodeConfig) -> PipelineConfig:
        """Return a copy in which `node` replaces the one with its id, or is added."""
        if any(n.id == node.id for n in self.nodes):
            return self.replace(nodes=tuple(node if n.id == node.id else n for n in self.nodes))
        return self.replace(nodes=(*self.nodes, node))

    def with_params(self, node_id: str, **params: JsonValue) -> PipelineConfig:
        """Return a copy in which these parameters of one node are set; raises KeyError for an unknown node."""
        node = self.node(node_id)
        return self.with_node(node.model_copy(update={"params": {**node.params, **params}}))

    def replace(self, **fields: Any) -> PipelineConfig:
        """Return a copy with other fields, checked again."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return PipelineConfig(**{**values, **fields})

    def text(self) -> str:
        """Return the file's text: stable order, indented, ending in a newline."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def digest(self) -> str:
        """Return the SHA-256 (hex) of what is computed: types, parameters and wires, not names or places."""
        what = {
            "nodes": sorted([n.id, n.type, n.params, *(["bypassed"] * n.bypassed)] for n in self.nodes),
            "edges": sorted([e.source, e.target] for e in self.edges),
        }
        if self.execution != "push" or self.mode:
            what["execution"] = [[self.execution, self.mode]]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    @classmethod
    def parse(cls, text: str, *, origin: str = "the pipeline", base: Path | None = None) -> PipelineConfig:
        """Read a pipeline from JSON text; raises PipelineInvalid with every problem, InputError when it is no JSON."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                Problem(
                    f"{origin} is not a pipeline file",
                    found=_no_json(error),
                    allowed="a JSON object",
                    hint="Open a file that was saved by this program, or start from a template.",
                )
            ) from error
        if not isinstance(data, dict):
            raise InputError(
                Problem(
                    f"{origin} is not a pipeline file",
                    found=f"JSON {_JSON_NAMES.get(type(data), 'number')}",
                    allowed="a JSON object with 'nodes' and 'edges'",
                    hint="Open a file that was saved by this program, or start from a template.",
                )
            )
        counts = {name: _length(data.get(name)) for name in ("nodes", "edges", "boxes")}
        if problems := too_many(counts) or list(unwritable(data)):
            raise PipelineInvalid.of(problems)
        data = migrate(data, origin)
        data.pop("base", None)
        try:
            return cls.model_validate({**data, "base": base})
        except ValidationError as error:
            raise PipelineInvalid.of(validation_problems(error, data)) from error

    @classmethod
    def open(cls, path: str | Path) -> PipelineConfig:
        """Read a pipeline file. Runs no code, loads no model, touches no network.

        Raises InputError when the file is missing, unreadable or too large, PipelineInvalid when its content is wrong.
        """
        if not isinstance(path, (str, PathLike)):
            raise InputError(
                Problem(
                    "this is no path of a file",
                    field="path",
                    found=repr(path)[:100],
                    allowed="a text or a Path",
                    hint='Write Pipeline.open("mine.json").',
                )
            )
        path = Path(path)
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                hint = "Choose the pipeline's .json file."
                raise InputError(too_large(path.name, path.stat().st_size, hint))
            text = read_whole(path, MAX_FILE_BYTES).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise InputError(
                Problem(
                    "the pipeline cannot be read",
                    found=f"{path}: {reason_of(error)}",
                    allowed="a readable JSON file in UTF-8",
                    hint="Check the path; `cluster4npu templates` lists ready pipelines.",
                )
            ) from error
        return cls.parse(text, origin=path.name, base=path.resolve().parent)

    def save(self, path: str | Path) -> None:
        """Write the file whole or not at all: the old one stays until the new one is safe.

        Raises InputError, also for what `open` would refuse.
        """
        counts = {"nodes": len(self.nodes), "edges": len(self.edges), "boxes": len(self.boxes)}
        if problems := too_many(counts):
            raise InputError(*problems)
        try:
            content = self.text().encode()
            if len(content) > MAX_FILE_BYTES:
                hint = "The previous file is untouched. Shorten the comments, or divide the pipeline."
                raise InputError(too_large("this", len(content), hint))
            write_whole(Path(path), content)
        except (OSError, ValueError) as error:
            raise InputError(
                Problem(
                    "the pipeline cannot be saved",
                    found=f"{path}: {reason_of(error)}",
                    hint="The previous file is untouched. Free some space or choose another folder.",
                )
            ) from error


def validation_problems(
    error: ValidationError, data: dict[str, Any], node: str = "", units: Mapping[str, str] | None = None
) -> list[Problem]:
    """Turn pydantic's findings into problems that name the node and the field; `units` are the fields' own."""
    problems = []
    for item in error.errors(include_url=False):
        loc = [str(part) for part in item["loc"]]
        where, field = (node, ".".join(loc[:6])) if node else place_of(loc, data)
        unit = (units or {}).get(loc[0], "") if loc else ""
        problems.append(
            Problem(
                wording.message(item),
                node=where,
                field=field,
                found="" if item["type"] == wording.MISSING else _short(item.get("input")),
                allowed=wording.allowed(item, unit),
                hint=wording.remedy(item),
            )
        )
    return problems


def _no_json(error: Exception) -> str:
    """Say where a text is no JSON, in words that are not Python's."""
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON at line {error.lineno}, column {error.colno}"
    if isinstance(error, RecursionError):
        return "brackets in brackets, too deep to be read"
    return "a number with too many digits"


def _length(entries: object) -> int:
    return len(entries) if isinstance(entries, list) else 0


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


Pipeline = PipelineConfig  # its name in the public API
