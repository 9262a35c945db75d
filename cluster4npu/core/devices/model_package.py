"""Models that are folders (.mlpackage): which files count, and that none of them leads out of the folder."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from cluster4npu.core.errors import InputError, Problem, shortened
from cluster4npu.core.settings import is_file

SUFFIX = ".mlpackage"
_MOST_FILES = 10_000


def is_package(path: Path) -> bool:
    """Tell whether this is the folder of a model package; False also for names that cannot be looked up."""
    try:
        return path.suffix.lower() == SUFFIX and path.is_dir()
    except (OSError, ValueError):
        return False


def is_model_file(path: Path) -> bool:
    """Tell whether there is such a model: a file, or the folder of a package."""
    return is_file(path) or is_package(path)


def model_bytes(path: Path) -> int:
    """Return the size of a model, 0 where there is none. Raises InputError for a package that must not be read."""
    if is_package(path):
        return sum(file.stat().st_size for file in package_files(path))
    return path.stat().st_size if is_file(path) else 0


def package_files(folder: Path) -> list[Path]:
    """Return all files of a package in the order of their names; raises InputError unless all are ordinary files.

    A link, a pipe or a device in it could lead a reader anywhere, or keep it waiting for ever.
    """
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        for entry in sorted(waiting.pop().iterdir()):
            facts = entry.lstat()
            if stat.S_ISDIR(facts.st_mode):
                waiting.append(entry)
            elif stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1:
                found.append(entry)
            else:
                raise _refused(folder, f"{entry.relative_to(folder)} is a link, or no ordinary file")
            if len(found) + len(waiting) > _MOST_FILES:
                raise _refused(folder, f"it holds more than {_MOST_FILES} files")
    return sorted(found)


def package_digest(folder: Path) -> str:
    """Return the SHA-256 (hex) over names and contents; raises InputError, OSError."""
    digest = hashlib.sha256()
    for file in package_files(folder):
        with file.open("rb") as data:
            inner = hashlib.file_digest(data, "sha256").hexdigest()
        digest.update(f"{file.relative_to(folder).as_posix()} {inner}\n".encode())
    return digest.hexdigest()


def _refused(folder: Path, why: str) -> InputError:
    return InputError(
        Problem(
            "the model package is not read",
            field="model",
            found=shortened(f"{folder.name}: {why}"),
            allowed="a folder of ordinary files, without links",
            hint="Copy the package whole from where it was made.",
        )
    )
