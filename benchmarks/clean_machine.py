"""From `git clone` to boxes in the preview on a clean machine, part by part, in seconds.

    python -m benchmarks.clean_machine [--from ADDRESS]

A clone of this checkout's repository in an empty folder, its packages (fetched without pip's cache, then installed
by what `make run` does, without the network), and the first path of `benchmarks.first_path` with an empty data folder.
Fetching packages is the network's time and is not held against the limit of five minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import machine, tell_at_most

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 300.0
_INSTALL = "from devtools import packages; packages.install(packages.RUN_LOCK)"
_FETCH = ("-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-cache-dir", "--no-deps")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--from", dest="source", default=str(ROOT), help="the repository; this one")
    given = parser.parse_args()
    print(f"# {machine()}")
    parts: dict[str, float] = {}
    folder = Path(tempfile.mkdtemp(prefix="clean-machine-"))
    clone, wheels = folder / "clone", folder / "wheels"
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def part(name: str, command: list[str], cwd: Path, **more: str) -> str:
        begun = time.perf_counter()
        done = subprocess.run(
            command, cwd=cwd, env={**env, **more}, stdout=subprocess.PIPE, text=True, check=True
        )
        parts[name] = time.perf_counter() - begun
        print(json.dumps({"part": name, "seconds": round(parts[name], 1)}), flush=True)
        return done.stdout

    try:
        part("git clone", ["git", "clone", "-q", given.source, str(clone)], folder)
        lock = str(clone / "requirements.lock")
        fetch = [sys.executable, *_FETCH, "--only-binary=:all:", "-r", lock, "-d", str(wheels)]
        part("packages fetched (network)", fetch, folder)
        part("environment made, packages installed", [sys.executable, "-c", _INSTALL], clone,
             PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels))  # fmt: skip
        python = next(path for path in (clone / ".venv").glob("*/python*") if path.stem == "python")
        walked = part(
            "first window to boxes", [str(python), "-m", "benchmarks.first_path", "--turns", "1"], clone
        )
        size = sum(path.stat().st_size for path in wheels.iterdir()) / 1e6
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(walked.strip())
    network = parts["packages fetched (network)"]
    spent = sum(parts.values()) - network
    reached = tell_at_most("git clone to boxes, the network's time apart, s", spent, LIMIT_S,
                           network_s=round(network, 1), fetched_mb=round(size))  # fmt: skip
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
