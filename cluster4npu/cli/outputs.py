"""Files that a command will write at its end: refused before the work begins, not after it."""

from __future__ import annotations

from pathlib import Path

from cluster4npu.core.errors import InputError, Problem


def check_writable(path: Path, option: str) -> None:
    """Raise InputError naming the option when this file cannot be written; its content is left as it is."""
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
                found=f"{path}: {error.strerror or error}",
                allowed="a file in an existing folder in which you may write",
                hint="Make the folder, or choose another place.",
            )
        ) from error
