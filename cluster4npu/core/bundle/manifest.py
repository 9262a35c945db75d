"""What a bundle says of itself: the run, how it was asked for, and the hash of every file that it was made with."""

from __future__ import annotations

import hashlib
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = "cluster4npu-bundle"
VERSION = 1
MANIFEST, PIPELINE, STORE = "manifest.json", "pipeline.json", "run.duckdb"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[str, Field(pattern=r"^(files/\d{1,4}/)?[^/\\:\x00-\x1f]{1,200}$")]


class FileEntry(BaseModel):
    """A file in the bundle, or one that ships with the program (`bundled`) and is named only by its hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]


class Question(BaseModel):
    """How the benchmark was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    scenario: str
    profile: str
    devices: tuple[str, ...]
    against: str | None = None
    seed: int = 0
    rate: float | None = None
    streams: int | None = None
    limit_ms: float | None = None


class Manifest(BaseModel):
    """The list that a bundle carries. `places` maps NODE.PARAM to a file or folder in the bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal["cluster4npu-bundle"] = "cluster4npu-bundle"
    version: Literal[1] = 1
    run_id: str
    question: Question
    pipeline_digest: Sha256
    model_sha256: str
    files: dict[_Name, FileEntry]
    bundled: dict[str, FileEntry]
    places: dict[str, str]


def entry_of(path: Path) -> FileEntry:
    """Return a file's hash and size; raises OSError."""
    with path.open("rb") as file:
        return FileEntry(sha256=digest_of(file), bytes=path.stat().st_size)


def digest_of(file: BufferedReader) -> str:
    """Return the SHA-256 (hex) of an open file."""
    return hashlib.file_digest(file, "sha256").hexdigest()
