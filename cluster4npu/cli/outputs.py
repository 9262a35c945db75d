"""Files that a command will write at its end: refused before the work begins, not after it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cluster4npu.core.errors import InputError, Problem


def check_writable(path: Path, option: str, inputs: Iterable[Path] = ()) -> None:
    """Raise InputError naming the option when this file cannot be written, or is one of the `inputs`.

    Its content is left as it is.
    """
    if any(path.resolve() == other.resolve() for other in inputs):
        raise InputError(
            Problem(
                "this would write over a file that the command reads or writes itself",
                field=option,
                found=str(path),
                allowed="a file of its own",
                hint="Choose another name.",
            )
        )
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
