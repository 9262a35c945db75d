"""JSON lines that misbehave in the processes that a test starts: a run writes its results in one of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

needs_full = pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="only Linux has such a device")

FULL = """
from pathlib import Path
from cluster4npu.core.nodes.jsonl import JsonLines

setup = JsonLines.setup

def setup_full(sink):
    setup(sink)
    sink._file.close()
    sink._file = Path("/dev/full").open("w", encoding="utf-8")

JsonLines.setup = setup_full
"""

SLOW = """
import time
from cluster4npu.core.nodes.jsonl import JsonLines

append = JsonLines.append

def append_slowly(sink, delivery):
    time.sleep({ms} / 1e3)
    append(sink, delivery)

JsonLines.append = append_slowly
"""


def path_with(code: str, folder: Path) -> str:
    """Return a PYTHONPATH with which each process runs this code before all else."""
    place = folder / "first"
    place.mkdir()
    (place / "sitecustomize.py").write_text(code, encoding="utf-8")
    root = str(Path(__file__).resolve().parents[1])
    return os.pathsep.join([str(place), root, *filter(None, [os.environ.get("PYTHONPATH")])])
