"""The other side of `asking`: a process that asks backends for their devices, and writes a line of JSON for each."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib.metadata import entry_points
from typing import TextIO

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Backend


def main(names: list[str]) -> None:
    """Answer for each of these in turn ("own:KEY", "entry:NAME"), after a first line that says that we are there."""
    out = _take_stdout()
    own = registry.own()
    _write(out, "", None)
    for name in names:
        kind, _, key = name.partition(":")
        failed, found = "", None
        if kind == "own":
            found = own[key]
        else:
            failed, found = _load(key, own)
        _write(out, failed, found)


def _write(out: TextIO, failed: str, backend: Backend | None) -> None:
    devices = [asdict(info) for info in registry.devices_of(backend)] if backend else []
    out.write(json.dumps({"failed": failed, "devices": devices}) + "\n")
    out.flush()


def _load(name: str, own: dict[str, Backend]) -> tuple[str, Backend | None]:
    (entry,) = entry_points(group=registry.GROUP, name=name)
    try:
        return "", registry.third_party(entry, own)
    except (Exception, SystemExit) as error:  # someone else's code
        return registry.line_of(error), None


def _take_stdout() -> TextIO:
    """Keep what the answers go to for us alone: drivers print."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return out


if __name__ == "__main__":
    main(sys.argv[1:])
