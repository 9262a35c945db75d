"""A pipeline file that is being saved is the old one or the new one, whole: killed at any moment, or on a full disk."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import pytest

from cluster4npu.core.errors import InputError
from cluster4npu.core.files import write_whole
from cluster4npu.core.pipeline.config import NodeConfig, PipelineConfig
from tests.distribution import Rounds, note, short, soak

_SAVER = """
import sys
from pathlib import Path
from cluster4npu.core.files import write_whole
target, *versions = map(Path, sys.argv[1:])
texts = [version.read_text() for version in versions]
print("begun", flush=True)
while True:
    for text in texts:
        write_whole(target, text)
"""


def pipeline(name: str, nodes: int) -> PipelineConfig:
    entries = tuple(NodeConfig(id=f"n{i}", type="count", position=(float(i), 0.0)) for i in range(nodes))
    return PipelineConfig(name=name, nodes=entries)


@pytest.mark.parametrize("times", [short(8), soak(5000)])
def test_killed_while_it_is_saved(times: Rounds, tmp_path: Path) -> None:
    texts = [pipeline("old", 400).text(), pipeline("new", 900).text()]
    versions = [tmp_path / "old.txt", tmp_path / "new.txt"]
    for path, text in zip(versions, texts, strict=True):
        path.write_text(text)
    target = tmp_path / "mine.json"
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    seen = set()
    for turn in times:
        write_whole(target, texts[0])
        command = [sys.executable, "-c", _SAVER, str(target), *map(str, versions)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.01))  # the moment is what is tested
            process.kill()
        found = target.read_text()
        assert found in texts, f"turn {turn}, seed {seed}"
        seen.add(texts.index(found))
    versions_seen = "both versions" if len(seen) > 1 else "one version"
    note(f"killed while a pipeline is saved, seed {seed}: always whole, {versions_seen} found", times)


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_full_disk_at_every_step_leaves_the_old_file(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def opened(self: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        file = real(self, mode, *rest, **named)
        return _Full(file) if "x" in mode else file

    path = tmp_path / "mine.json"
    pipeline("old", 3).save(path)
    before = path.read_bytes()
    steps = {"open": (Path, "open", full), "write": (Path, "open", opened)}
    steps |= {"fsync": (os, "fsync", full), "replace": (Path, "replace", full)}
    with monkeypatch.context() as patch:
        patch.setattr(*steps[call])
        with pytest.raises(InputError, match="no space is left"):
            pipeline("new", 900).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]  # nothing half-written is left


class _Full:
    """A file on a disk that is full."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> _Full:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, _: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("times", [short(6), soak(300)])
def test_a_disk_that_fills_up_at_any_byte_leaves_the_old_file(times: Rounds, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    pipeline("old", 3).save(path)
    before = path.read_bytes()
    new = tmp_path / "new.txt"
    new.write_text(pipeline("new", 900).text())
    size = new.stat().st_size
    for _ in times:
        room = random.randrange(size)
        code = (
            "import resource, signal, sys; from pathlib import Path; from cluster4npu.core.files import write_whole\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); text = Path(sys.argv[2]).read_text()\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)\n"
            "try: write_whole(Path(sys.argv[1]), text)\n"
            "except OSError: sys.exit(7)\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(path), str(new), str(room)], check=False)
        assert done.returncode == 7, room
        assert path.read_bytes() == before, room
    note("the disk fills up at any byte of a save: the old file stays", times)
