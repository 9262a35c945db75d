"""Files that a command will write at its end: refused before the work begins, not after it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.pipeline.bounds import MAX_FILE_BYTES
from cluster4npu.core.reasons import reason_of


def check_writable(path: Path, option: str, suffixes: Sequence[str], inputs: Iterable[Path] = ()) -> None:
    """Raise InputError naming the option when this file cannot be written, or must not be.

    It may replace an earlier file of its kind (by one of the `suffixes`), but none of the `inputs`, no pipeline, and
    nothing of another kind: a slip of the keyboard must not cost a model or a video. Its content is left as it is.
    """
    if any(path.resolve() == other.resolve() for other in inputs):
        raise _refused("this would write over a file that the command reads or writes itself", option, path)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise _refused("this is a pipe or a device, no file", option, path)
    if path.is_file() and path.stat().st_size and path.suffix.lower() not in suffixes:
        raise _refused(
            "this would write over a file of another kind",
            option,
            path,
            f"a new file, or one that ends in {' or '.join(suffixes)}",
        )
    if path.suffix.lower() == ".json" and _is_pipeline(path):
        raise _refused("this would write over a pipeline", option, path)
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise InputError(
            Problem(
                "this file cannot be written",
                field=option,
                found=f"{path}: {reason_of(error)}",
                allowed="a file in an existing folder in which you may write",
                hint="Make the folder, or choose another place.",
            )
        ) from error


def _refused(message: str, option: str, path: Path, allowed: str = "a file of its own") -> InputError:
    hint = "Choose another name, or delete that file first."
    return InputError(Problem(message, field=option, found=str(path), allowed=allowed, hint=hint))


def _is_pipeline(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return False
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and {"nodes", "edges"} <= data.keys()
