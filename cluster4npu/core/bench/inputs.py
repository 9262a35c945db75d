"""Standard inputs of a benchmark: frames from a seed, the bundled clip, or a file of the user's, with checksums."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes import node_type
from cluster4npu.core.nodes.base import Place
from cluster4npu.core.nodes.synthetic import SyntheticSource
from cluster4npu.core.pipeline.config import NodeConfig, PipelineConfig
from cluster4npu.core.reasons import reason_of
from cluster4npu.core.settings import resolve_path

CLIP = "bundled:digits.mp4"
_ALLOWED = 'a video, a folder of images, "clip", or "seed:N" with a whole number N from 0'
_SEEDED_FRAMES = 128  # after which the pattern has been everywhere


@dataclass(frozen=True, slots=True)
class BenchmarkInput:
    """What a benchmark is fed with: a node type with parameters, and the SHA-256 (hex) of what it gives.

    `checksum` is "" for an input that is not the same twice (a camera, a stream).
    """

    name: str
    type: str
    params: dict[str, JsonValue] = field(default_factory=dict)
    checksum: str = ""

    @classmethod
    def seeded(cls, seed: int = 0, *, width: int = 640, height: int = 480) -> BenchmarkInput:
        """Return frames made from a seed: the same seed and size are the same bytes on every machine."""
        params: dict[str, JsonValue] = {"width": width, "height": height, "seed": seed}
        return cls(f"seed {seed}, {width} x {height}", "synthetic", params, _seeded_sum(seed, width, height))

    @classmethod
    def clip(cls) -> BenchmarkInput:
        """Return the clip that ships with the program."""
        return cls("the bundled clip", "video_file", {"path": CLIP}, _file_sum(resolve_path(CLIP, None)))

    @classmethod
    def file(cls, path: str | Path) -> BenchmarkInput:
        """Return the user's own video, or folder of images; raises InputError where there is none."""
        path = Path(path).resolve()
        kind = "image_folder" if path.is_dir() else "video_file"
        return cls(path.name, kind, {"path": str(path)}, _file_sum(path))

    @classmethod
    def of(cls, data: BenchmarkInput | str | Path) -> BenchmarkInput:
        """Return an input as it was given: itself, "seed:7", "clip", or a path."""
        if isinstance(data, BenchmarkInput):
            return data
        text = str(data)
        if text == "clip":
            return cls.clip()
        seed = text.removeprefix("seed:")
        if seed != text and seed.isdecimal():
            return cls.seeded(int(seed))
        if not text or seed != text:
            raise InputError(
                Problem("this is no test data", field="test_data", found=repr(text), allowed=_ALLOWED)
            )
        return cls.file(text)

    @classmethod
    def own(cls, pipeline: PipelineConfig) -> BenchmarkInput:
        """Return the input that a pipeline has."""
        node = _source(pipeline)
        params = node_type(node.type).Params.model_validate(node.params).model_dump()
        checksum = ""
        if node.type == "synthetic" and params["pattern"] == "moving":
            checksum = _seeded_sum(params["seed"], params["width"], params["height"])
        elif isinstance(params.get("path"), str):
            checksum = _file_sum(resolve_path(params["path"], pipeline.base))
        return cls(node.id, node.type, dict(node.params), checksum)


def fed_with(pipeline: PipelineConfig, data: BenchmarkInput) -> PipelineConfig:
    """Return the pipeline with another input; raises InputError where it has not exactly one source."""
    node = _source(pipeline)
    return pipeline.with_node(node.model_copy(update={"type": data.type, "params": data.params}))


def _source(pipeline: PipelineConfig) -> NodeConfig:
    found = [n for n in pipeline.nodes if not n.bypassed and node_type(n.type).place is Place.SOURCE]
    if len(found) != 1:
        raise InputError(
            Problem(
                "one input can be measured with",
                field="nodes",
                found=f"{len(found)} sources",
                allowed="one source",
            )
        )
    return found[0]


def _seeded_sum(seed: int, width: int, height: int) -> str:
    source = SyntheticSource(height, width, None, _SEEDED_FRAMES, seed)
    slot, state = np.empty(source.spec.nbytes, np.uint8), hashlib.sha256()
    while source.read_into(slot) is not None:
        state.update(slot.data)
    return state.hexdigest()


def _file_sum(path: Path) -> str:
    """Return the hash of a file, or of a folder's files with their names in order."""
    state = hashlib.sha256()
    try:
        if path.is_file():
            return _sha256(path)
        for item in sorted(item for item in path.iterdir() if item.is_file()):
            state.update(f"{item.name} {_sha256(item)}\n".encode())
    except OSError as error:
        raise InputError(
            Problem(
                "the test data cannot be read",
                field="test_data",
                found=f"{path}: {reason_of(error)}",
                allowed=_ALLOWED,
            )
        ) from error
    return state.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
