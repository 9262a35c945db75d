"""The JSON lines sink: one line of JSON per frame, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import psutil

from cluster4npu.core.errors import InputError, Problem, RunFailed
from cluster4npu.core.nodes.base import RESULTS, Delivery, Port, SinkNode, param
from cluster4npu.core.nodes.demand import DemandParams
from cluster4npu.core.settings import BUNDLED_PREFIX, resolve_path

_LEAST_FREE = 2**20  # bytes


class JsonLines(SinkNode):
    """Writes each frame's results as one line of JSON."""

    type = "jsonl"
    title = "JSON lines"
    category = "Outputs"
    description = "Writes each frame's results as one line of JSON; the file is replaced at each run."
    inputs = (Port("result", RESULTS),)

    class Params(DemandParams):
        path: str = param(
            "results.jsonl",
            title="File",
            description="Where to write; a relative path belongs to the pipeline file's folder.",
            widget="file",
            file_filter="JSON lines (*.jsonl)",
            min_length=1,
            max_length=4096,
        )

    _file: IO[str] | None = None

    def problems(self) -> list[Problem]:
        path = self._path()
        message = ""
        if self.params.path.startswith(BUNDLED_PREFIX):
            message = "results cannot be written among the bundled files"
        elif path.is_dir():
            message = "the results file is a folder"
        elif not path.parent.is_dir():
            message = "the folder for the results is missing"
        elif psutil.disk_usage(str(path.parent)).free < _LEAST_FREE:
            message = "the disk for the results is full"
        return [self._problem(message)] if message else []

    def setup(self) -> None:
        """Open the file, empty; raises InputError."""
        for problem in self.problems():
            raise InputError(problem)
        try:
            self._file = self._path().open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise InputError(self._problem("the results file cannot be written", error)) from error

    def append(self, delivery: Delivery) -> None:
        """Write one line; raises RunFailed when the disk is full or gone."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(line_of(delivery), ensure_ascii=False, allow_nan=False) + "\n")
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
            found=f"{found}: {error.strerror or error}" if error else found,
            allowed="a file in a folder that exists, on a disk with room",
            hint="Free some space or choose another file.",
        )


def line_of(delivery: Delivery) -> dict[str, Any]:
    """Return what one line tells; class indices get their names where they are known."""
    line: dict[str, Any] = {
        **({"source": delivery.source} if delivery.source else {}),
        "frame": delivery.frame_id,
        "device": delivery.device,
        "latency_ms": round(delivery.latency_ms, 3),
        "stream_ms": None if delivery.stream_ms is None else round(delivery.stream_ms, 3),
        "width": delivery.width,
        "height": delivery.height,
    }
    if delivery.error:
        return {**line, "error": delivery.error}
    value = delivery.inputs.get("result")
    if value is None:
        return {**line, "kind": None, "results": []}
    results = [_finite(entry) for entry in value.as_json()]
    for entry in results:
        index = entry.get("class")
        if index is not None and 0 <= index < len(delivery.labels):
            entry["label"] = delivery.labels[index]
        crop = entry.get("crop")
        if crop and 0 <= crop["class"] < len(delivery.crop_labels):
            crop["label"] = delivery.crop_labels[crop["class"]]
    return {**line, "kind": value.kind, "results": results}


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    """Replace what JSON has no word for: NaN and infinity become null."""
    return {
        key: None if isinstance(value, float) and value - value != 0 else value
        for key, value in entry.items()
    }
