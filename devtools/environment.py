"""The Python that runs everything, and its virtual environment in `.venv`."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from devtools.shell import ROOT, SetupError, call, say, succeeds
from devtools.system import install_system_packages

MIN_PYTHON = (3, 11)
PYTHON_VERSIONS = ("3.14", "3.13", "3.12", "3.11")

VENV = ROOT / ".venv"
VENV_BIN = VENV / ("Scripts" if sys.platform == "win32" else "bin")
STAMP = VENV / "cluster4npu-setup.json"


def program(name: str) -> str:
    """The path of a program that `.venv` holds, whether it is there yet or not."""
    return str(VENV_BIN / (name + ".exe" if sys.platform == "win32" else name))


def is_new_enough(python: Sequence[str]) -> bool:
    """Whether this command starts a new enough Python; a version manager's placeholder does not."""
    return succeeds([*python, "-c", f"import sys; sys.exit(sys.version_info < {MIN_PYTHON!r})"])


def find_python(path: str | None = None) -> list[str] | None:
    """The command of a new enough Python on PATH, or None."""
    candidates = [["python" + version] for version in PYTHON_VERSIONS]
    candidates += [["py", "-" + version] for version in PYTHON_VERSIONS]  # Windows
    for name, *options in candidates:
        python = shutil.which(name, path=path)
        if python and is_new_enough([python, *options]):
            return [python, *options]
    return None


def read_stamp() -> dict[str, Any]:
    """What the last set-up noted in `.venv`; empty when there is nothing to trust.

    A stamp that names another folder came along when the checkout was copied or moved: the programs in its
    `.venv` still start the old one.
    """
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and stamp.get("root") == str(ROOT) else {}


def write_stamp(stamp: dict[str, Any]) -> None:
    STAMP.write_text(json.dumps({"root": str(ROOT), **stamp}), encoding="utf-8")


def is_usable() -> bool:
    """Whether `.venv` works: set up from here before, or at least with a new enough Python and pip."""
    python = program("python")
    if read_stamp():
        return shutil.which(python) is not None
    return not STAMP.exists() and is_new_enough([python]) and succeeds([python, "-m", "pip", "--version"])


def can_make_venv() -> bool:
    importlib.invalidate_caches()
    return all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))


def make_venv() -> None:
    """Make `.venv` unless it works already.

    Raises
    ------
    SetupError
        When this Python has no `venv`, or the folder cannot be written.
    """
    if is_usable():
        return
    if not can_make_venv():
        say("This Python cannot make virtual environments: it lacks the packages venv and ensurepip.")
        if shutil.which("apt-get"):
            version = "{}.{}".format(*sys.version_info[:2])
            install_system_packages(["python3-venv", f"python{version}-venv"])
        if not can_make_venv():
            raise SetupError(
                "Install python3-venv (Debian, Ubuntu) or a Python from python.org, then run this again."
            )
    say(f"Making a virtual environment with Python {sys.version.split()[0]} in .venv")
    if call([sys.executable, "-m", "venv", "--clear", VENV]) != 0:
        raise SetupError(f"It could not be made. See that {ROOT} can be written to, then run this again.")
