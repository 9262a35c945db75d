"""The packages in `.venv`: the lock files, how they are installed and how they are made."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from devtools.environment import MIN_PYTHON, VENV_BIN, make_venv, program, read_stamp, write_stamp
from devtools.shell import ROOT, SetupError, call, say

RUN_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"


class Pin(NamedTuple):
    """One line of a lock file."""

    name: str
    version: str
    marker: str


def parse_lock(text: str) -> list[Pin]:
    """The packages of a lock file.

    Raises
    ------
    SetupError
        For a line that is not an exact version: an option, an address, a range.
    """
    pins = []
    for line in text.splitlines():
        content = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if not content:
            continue
        match = re.fullmatch(r"([\w.-]+)==([\w.!+]+)(?:\s*;\s*(.+))?", content)
        if match is None:
            raise SetupError(
                f"A lock file holds only lines of the form `name==version ; marker`, not: {content}"
            )
        pins.append(Pin(match[1], match[2], match[3] or ""))
    return pins


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def install(lock: Path) -> None:
    """Bring `.venv` to a lock file, and Cluster4NPU itself into it; at once when nothing changed."""
    make_venv()
    stamp = read_stamp()
    project = digest(ROOT / "pyproject.toml")
    if digest(lock) not in stamp.get("locks", []):
        count = len(parse_lock(lock.read_text(encoding="utf-8")))
        say(f"Installing {count} packages from {lock.name} (some minutes the first time)")
        pip("install", "--no-deps", "--only-binary=:all:", "-r", str(lock))
        # The development lock holds the whole of the other one.
        stamp = {"locks": [digest(lock)] if lock == RUN_LOCK else [digest(RUN_LOCK), digest(DEV_LOCK)]}
    elif stamp.get("project") == project and Path(program("cluster4npu")).exists():
        return
    say("Installing Cluster4NPU itself, editable")
    pip("install", "--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT))
    write_stamp({**stamp, "project": project})


def pip(*arguments: str) -> None:
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    if call([program("python"), "-m", "pip", "--disable-pip-version-check", *quiet, *arguments]) != 0:
        raise SetupError(
            "pip failed; its reason stands above.\n"
            "  No network: connect and run this again; behind a proxy, set HTTPS_PROXY.\n"
            "  No matching distribution: use Python 3.11 to 3.14 on Linux, Windows (x86-64) or macOS (arm64)."
        )


def write_locks() -> None:
    """Choose the newest versions that pyproject.toml allows, for all systems at once, with a fresh uv."""
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder) / VENV_BIN.name
        say("Installing uv, which resolves for all systems at once, into a temporary environment")
        if call([sys.executable, "-m", "venv", folder]) or call([tools / "pip", "install", "-q", "uv"]):
            raise SetupError("uv could not be installed. Check the network, then run this again.")
        resolve = [str(tools / "uv"), "pip", "compile", "pyproject.toml", "--group", "build", "--universal"]
        resolve += ["--python-version", "{}.{}".format(*MIN_PYTHON), "--fork-strategy", "fewest", "--quiet"]
        resolve += ["--no-header", "--annotation-style", "line"]
        write_lock(RUN_LOCK, "What Cluster4NPU needs to run", resolve)
        more = ["--extra", "dev", "--extra", "openvino", "--extra", "vision", "--constraint", RUN_LOCK.name]
        write_lock(DEV_LOCK, "The same, with the development tools and OpenVINO", [*resolve, *more])


def write_lock(path: Path, title: str, resolve: list[str]) -> None:
    result = subprocess.run(resolve, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise SetupError("No set of versions fits; uv's reason stands above.")
    count = len(parse_lock(result.stdout))
    header = (
        f"# {title}: exact versions for Linux, macOS and Windows.\n"
        "# Made from pyproject.toml; to make it anew: python dev.py lock\n"
    )
    path.write_text(header + result.stdout, encoding="utf-8", newline="\n")
    say(f"{path.name}: {count} packages")
