"""Older versions of the pipeline file, brought up to the current one step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from cluster4npu.core.errors import InputError, Problem

CURRENT_VERSION: Literal[1] = 1

# One entry per older version: reads version N, returns version N + 1.
_STEPS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def migrate(data: dict[str, Any], origin: str) -> dict[str, Any]:
    """Return `data` in the current version; raises InputError for a missing, odd or newer version.

    A file of an earlier designer (`.mflow`) is read as well.
    """
    from cluster4npu.core.pipeline.mflow import convert, is_mflow  # a worker opens no files

    if is_mflow(data):
        return convert(data, origin)
    version = data.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise InputError(
            Problem(
                f"{origin} does not say which version of the format it is",
                field="version",
                found=repr(version)[:80],
                allowed=f"1 to {CURRENT_VERSION}",
                hint='Add "version": 1 if the file was written by hand.',
            )
        )
    if version > CURRENT_VERSION:
        raise InputError(
            Problem(
                f"{origin} was saved by a newer version of this program",
                field="version",
                found=str(version),
                allowed=f"1 to {CURRENT_VERSION}",
                hint="Update Cluster4NPU to open it. The file was not changed.",
            )
        )
    while version < CURRENT_VERSION:
        data = _STEPS[version](data)
        version += 1
    return data
