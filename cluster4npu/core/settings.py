"""Where things live on this machine: user data, caches and the files that ship with the program."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import platformdirs

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.reasons import reason_of

_APP = "Cluster4NPU"
BUNDLED_PREFIX = "bundled:"


def data_dir() -> Path:
    """Return the user's data folder, made if missing (CLUSTER4NPU_DATA overrides it)."""
    return _made(
        Path(os.environ.get("CLUSTER4NPU_DATA") or platformdirs.user_data_dir(_APP, appauthor=False))
    )


def cache_dir() -> Path:
    """Return the folder of files that may be deleted at any time, made if missing."""
    override = os.environ.get("CLUSTER4NPU_DATA")
    folder = (
        Path(override) / "cache" if override else Path(platformdirs.user_cache_dir(_APP, appauthor=False))
    )
    return _made(folder)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            Problem(
                "the folder for your data cannot be made",
                found=f"{folder}: {reason_of(error)}",
                hint="Set CLUSTER4NPU_DATA to a folder in which you may write.",
            )
        ) from error
    return folder


def is_file(path: Path) -> bool:
    """Tell whether there is such a file; False also for names that the system cannot even look up."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def default_store_path() -> Path:
    """Return the path of the result store that is used when none is named."""
    return data_dir() / "results.duckdb"


def assets_dir() -> Path:
    """Return the folder of bundled models and clips: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "assets"
    return inside if inside.is_dir() else package.parent / "assets"


def resolve_path(text: str, base: Path | None) -> Path:
    """Turn a path as written in a pipeline into a real one.

    `bundled:NAME` is a file that ships with the program; a relative path belongs to `base` (the folder of the
    pipeline file), or to the working folder where there is none.
    """
    if text.startswith(BUNDLED_PREFIX):
        name = text.removeprefix(BUNDLED_PREFIX)
        return assets_dir() / Path(name).name
    path = Path(text)
    with contextlib.suppress(RuntimeError):  # ~somebody, who has no home here: a name like any other
        path = path.expanduser()
    return path if path.is_absolute() else (base or Path.cwd()) / path
