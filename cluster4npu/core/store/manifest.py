"""The list that an export carries: its tables, their rows, and a checksum of each file."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from cluster4npu.core.errors import InputError, Problem, StoreError
from cluster4npu.core.store.schema import current_version

NAME = "manifest.json"
_FORMAT = "cluster4npu-export"


def write(folder: Path, rows: dict[str, int]) -> None:
    """Write the manifest of an export's folder; `rows` are the rows of each table."""
    tables = {
        name: {"rows": count, "sha256": _sha256(folder / f"{name}.parquet")} for name, count in rows.items()
    }
    content = {"format": _FORMAT, "schema_version": current_version(), "tables": tables}
    (folder / NAME).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def verify(folder: Path) -> dict[str, int]:
    """Return the rows of each table after comparing each file with its checksum.

    Raises InputError when the folder is no export, or one of a newer version; StoreError when a file was changed.
    """
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
        tables = {str(name): (int(t["rows"]), str(t["sha256"])) for name, t in content["tables"].items()}
        version = int(content["schema_version"])
        known = content["format"] == _FORMAT and all(re.fullmatch(r"\w{1,60}", name) for name in tables)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _foreign(folder, type(error).__name__) from error
    if not known:
        raise _foreign(folder, "another format")
    if version > current_version():
        problem = Problem(
            "this export was written by a newer version of this program",
            found=f"{folder} in version {version}",
            allowed=f"up to {current_version()}",
            hint="Update Cluster4NPU.",
        )
        raise InputError(problem)
    for name, (_, digest) in tables.items():
        file = folder / f"{name}.parquet"
        if not file.is_file() or _sha256(file) != digest:
            raise StoreError(
                Problem(
                    "a file of this export is missing or was changed",
                    found=str(file),
                    hint="Take another copy of the export. The store was left as it is.",
                )
            )
    return {name: rows for name, (rows, _) in tables.items()}


def _foreign(folder: Path, found: str) -> InputError:
    return InputError(
        Problem(
            "this folder is no export of a result store",
            found=f"{folder} ({found} in {NAME})",
            allowed="a folder made by `cluster4npu db export`",
        )
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
