"""Talking to the terminal and starting other programs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen"}
# Some build machines forbid Python to keep what it has compiled: each of the thousands of processes that the tests
# start would compile all modules anew, as on no user's machine.
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}


class SetupError(Exception):
    """What went wrong and what to do about it, as one message for the person at the terminal."""


def say(text: str) -> None:
    print(text, flush=True)


def call(
    command: Iterable[str | Path],
    *,
    cwd: Path | None = ROOT,
    env: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> int:
    """Run a program to its end and return its exit code; `quiet` lets only its complaints through."""
    stdout = subprocess.DEVNULL if quiet else None
    arguments = [str(part) for part in command]
    return subprocess.call(arguments, cwd=cwd, env={**os.environ, **(env or {})}, stdout=stdout)


def succeeds(command: Iterable[str | Path]) -> bool:
    """Whether a program can be started and ends well; its output is not shown."""
    try:
        return (
            subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def hand_over(command: Iterable[str | Path]) -> int:
    """Become another program, so that Ctrl-C and the exit code are its own."""
    arguments = [str(part) for part in command]
    if sys.platform == "win32":  # `exec` would return to the prompt at once there
        return subprocess.call(arguments)
    return os.execv(arguments[0], arguments)
