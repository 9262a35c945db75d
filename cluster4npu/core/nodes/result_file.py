"""What sinks share that write results into a text file, line by line and in order."""

from __future__ import annotations

import os
import shutil
from abc import abstractmethod
from pathlib import Path
from typing import IO, Any

from cluster4npu.core.errors import InputError, Problem, RunFailed
from cluster4npu.core.files import is_file, is_folder
from cluster4npu.core.nodes.base import Delivery, SinkNode, param
from cluster4npu.core.reasons import reason_of
from cluster4npu.core.settings import BUNDLED_PREFIX, default_store_path, resolve_path

_LEAST_FREE = 2**20  # bytes
_BEGIN_BYTES = 400  # of a file, by which it is known
_STORE_MARK = slice(8, 12), b"DUCK"  # of a database such as the result store, wherever it lies


def path_param(default: str, file_filter: str, kinds: str = "") -> Any:
    """Return the parameter of an output that writes a file."""
    return param(
        default,
        title="File",
        description=f"Where to write{kinds}; a relative path belongs to the pipeline file's folder.",
        widget="file",
        file_filter=file_filter,
        min_length=1,
        max_length=4096,
    )


def wrong_place(given: str, path: Path, what: str, least_free: int) -> str:
    """Say why nothing can be written there, "" when it can; `given` is the path as it stands in the pipeline."""
    if given.startswith(BUNDLED_PREFIX):
        return f"{what} cannot be written among the bundled files"
    if not _may_exist(path):
        return f"no file for {what} can have this name"
    if is_folder(path):
        return f"the file for {what} is a folder"
    if path.exists() and not is_file(path):
        return f"what is there for {what} is no file"  # a pipe without a reader waits for ever, a device ends never
    if is_store(path):
        return f"the result store is no place for {what}"
    if not is_folder(path.parent):
        return f"the folder for {what} is missing"
    if shutil.disk_usage(path.parent).free < least_free:
        return f"the disk for {what} is full"
    return ""


def _may_exist(path: Path) -> bool:
    """Tell whether a file can have this name here: none that is too long, and none in a folder that nobody may read."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return True


def is_store(path: Path) -> bool:
    """Tell whether the result store is there, or will be; a file that cannot be read is none."""
    place, mark = _STORE_MARK
    try:
        if os.path.realpath(path) == os.path.realpath(default_store_path()):
            return True
        with path.open("rb") as file:
            return file.read(_BEGIN_BYTES)[place] == mark
    except (OSError, InputError):
        return False


def not_mine(node: str, path: Path) -> Problem:
    """Return the problem of an output whose file is there already and is somebody's own."""
    return Problem(
        "the file for results is there already, and no run has written it",
        node=node,
        field="path",
        found=str(path),
        allowed="a new file, or the results of an earlier run, which are replaced",
        hint="Choose another name, or move that file away.",
    )


class ResultFile(SinkNode):
    """A text file that is replaced at each run. A subclass has a parameter `path` and says what is written."""

    params: Any
    _file: IO[str] | None = None

    @abstractmethod
    def text_of(self, delivery: Delivery) -> str:
        """Return what is written for one frame, with its line ends."""

    def head(self) -> str:
        """Return what stands at the beginning of the file."""
        return ""

    @abstractmethod
    def is_mine(self, begin: str) -> bool:
        """Tell whether a file that begins like this (some hundred characters) was written by such a node."""

    def problems(self) -> list[Problem]:
        message = wrong_place(self.params.path, self._path(), "results", _LEAST_FREE)
        if message:
            return [self._problem(message)]
        return [not_mine(self.id, self._path())] if self._is_of_others() else []

    def _is_of_others(self) -> bool:
        """Tell whether a file is there that no run has written: a pipeline of somebody else may name any of yours."""
        try:
            if not is_file(self._path()):
                return False
            with self._path().open("rb") as file:
                begin = file.read(_BEGIN_BYTES).decode("utf-8", errors="replace")
        except OSError:
            return False  # told when it is opened
        return bool(begin) and not self.is_mine(begin)

    def setup(self) -> None:
        """Open the file, empty; raises InputError."""
        for problem in self.problems():
            raise InputError(problem)
        try:
            self._file = self._path().open("w", encoding="utf-8", newline="\n")
            self._file.write(self.head())
        except OSError as error:
            raise InputError(self._problem("the results file cannot be written", error)) from error

    def append(self, delivery: Delivery) -> None:
        """Write one frame; raises RunFailed when the disk is full or gone."""
        if self._file is None:
            return
        try:
            self._file.write(self.text_of(delivery))
        except OSError as error:
            raise RunFailed(self._problem("the results could not be written", error)) from error

    def close(self) -> None:
        """Write what is still in memory; raises RunFailed when that fails."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as error:
            raise RunFailed(self._problem("the last results could not be written", error)) from error

    def _path(self) -> Path:
        return resolve_path(self.params.path, self.base)

    def _problem(self, message: str, error: OSError | None = None) -> Problem:
        found = str(self._path())
        return Problem(
            message,
            node=self.id,
            field="path",
            found=f"{found}: {reason_of(error)}" if error else found,
            allowed="a file in a folder that exists, on a disk with room",
            hint="Free some space or choose another file.",
        )
