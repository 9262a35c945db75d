"""The CSV sink: one row per box or class, for spreadsheets; a frame in which nothing was found has a row of its own."""

from __future__ import annotations

import csv
import io
from typing import Any

from cluster4npu.core.nodes.base import RESULTS, Delivery, Port, param
from cluster4npu.core.nodes.demand import DemandParams
from cluster4npu.core.nodes.jsonl import line_of
from cluster4npu.core.nodes.result_file import ResultFile

_FRAME = ("frame", "device", "latency_ms", "stream_ms", "width", "height", "kind", "error")
_FOUND = ("class", "label", "score", "track")
_BOX = ("x1", "y1", "x2", "y2")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvFile(ResultFile):
    """Writes what was found as rows of a table."""

    type = "csv"
    title = "CSV table"
    category = "Outputs"
    description = "Writes one row per box or class, for spreadsheets; the file is replaced at each run."
    inputs = (Port("result", RESULTS),)

    class Params(DemandParams):
        path: str = param(
            "results.csv",
            title="File",
            description="Where to write; a relative path belongs to the pipeline file's folder.",
            widget="file",
            file_filter="CSV tables (*.csv)",
            min_length=1,
            max_length=4096,
        )

    def head(self) -> str:
        return _row([*_FRAME, *_FOUND, *_BOX])

    def text_of(self, delivery: Delivery) -> str:
        line = line_of(delivery)
        frame = [line.get(name) for name in _FRAME]
        rows = []
        for entry in line.get("results") or [{}]:
            box = entry.get("box") or [None] * len(_BOX)
            rows.append(_row([*frame, *(entry.get(name) for name in _FOUND), *box]))
        return "".join(rows)


def _row(values: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([_plain(value) for value in values])
    return out.getvalue()


def _plain(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula: names come from model files of others."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
