"""Copies of unsaved pipelines in the user's data folder: what is left of them tells which program was killed."""

from __future__ import annotations

import contextlib
import json
import logging
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QLockFile

from cluster4npu.core.errors import InputError
from cluster4npu.core.files import read_whole, write_whole
from cluster4npu.core.pipeline.bounds import MAX_FILE_BYTES
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import data_dir
from cluster4npu.ui.text import tr

_MAX_COPY_BYTES = 2 * MAX_FILE_BYTES  # unsaved edits may be larger than what can be saved
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lost:
    """Edits that no window holds any more. `path` is the pipeline's own file (None: it never had one)."""

    copy: Path
    config: PipelineConfig
    path: Path | None
    kept_s: float  # seconds since the epoch
    on_disk: str = ""  # digest of that file when the edits were made

    @property
    def name(self) -> str:
        return self.path.stem if self.path is not None else self.config.name or tr("Untitled")

    def when(self) -> datetime:
        """Return when the edits were kept, in this machine's time; raises for a moment that no calendar has."""
        return datetime.fromtimestamp(self.kept_s)

    def file_is_newer(self) -> bool:
        """Tell whether the pipeline's file was written after these edits were kept."""
        with contextlib.suppress(OSError):
            return self.path is not None and self.path.stat().st_mtime > self.kept_s
        return False

    def discard(self) -> None:
        """Delete the copy."""
        self.copy.unlink(missing_ok=True)
        _lock_of(self.copy).unlink(missing_ok=True)


class Slot:
    """The place of one open pipeline's copy. It belongs to this process until `release` or its death."""

    def __init__(self) -> None:
        self.copy = folder() / f"{uuid.uuid4().hex}.json"
        self._lock = QLockFile(str(_lock_of(self.copy)))
        self._lock.setStaleLockTime(0)  # by the owner's death only, never by age
        self._lock.tryLock(0)

    def keep(self, config: PipelineConfig, path: Path | None, on_disk: str = "") -> None:
        """Write the copy whole; `on_disk` is the digest of the file to which the edits belong.

        May be called on any thread, raises OSError.
        """
        record = {
            "kept_s": time.time(),
            "path": str(path) if path is not None else None,
            "on_disk": on_disk,
            "base": str(config.base) if config.base is not None else None,
            "pipeline": json.loads(config.text()),
        }
        write_whole(self.copy, json.dumps(record, ensure_ascii=False))

    def clear(self) -> None:
        """Delete the copy: its pipeline is safe elsewhere."""
        with contextlib.suppress(OSError):
            self.copy.unlink(missing_ok=True)

    def release(self) -> None:
        """Give the slot up; a copy that is still there is offered at the next start."""
        self._lock.unlock()


def folder() -> Path:
    """Return the folder of the copies, made if missing."""
    place = data_dir() / "recovery"
    place.mkdir(exist_ok=True)
    return place


def find_lost() -> list[Lost]:
    """Return the copies whose program is gone, newest first. One that cannot be read is left where it is."""
    found = []
    for copy in folder().glob("*.json"):
        lock = QLockFile(str(_lock_of(copy)))
        lock.setStaleLockTime(0)
        if not lock.tryLock(0):
            continue  # a window holds it
        lock.unlock()
        try:
            found.append(_read(copy))
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, InputError) as error:
            _log.warning(tr("the copy %s cannot be read: %s"), copy, error)
    return sorted(found, key=lambda lost: -lost.kept_s)


def _read(copy: Path) -> Lost:
    record = json.loads(read_whole(copy, _MAX_COPY_BYTES))
    base = Path(record["base"]) if record["base"] else None
    config = PipelineConfig.parse(json.dumps(record["pipeline"]), origin="the kept copy", base=base)
    path, on_disk = record["path"], str(record.get("on_disk", ""))
    lost = Lost(copy, config, Path(path) if path else None, float(record["kept_s"]), on_disk)
    lost.when()
    if "\0" in str(lost.path):
        raise ValueError("no file can have this name")
    return lost


def _lock_of(copy: Path) -> Path:
    return copy.with_suffix(".lock")
