"""The CSV sink: one row per box or class, for spreadsheets; a frame in which nothing was found has a row of its own."""

from __future__ import annotations

import csv
import io
from typing import Any

from cluster4npu.core.nodes.base import RESULTS, Delivery, Port
from cluster4npu.core.nodes.demand import DemandParams
from cluster4npu.core.nodes.jsonl import line_of
from cluster4npu.core.nodes.result_file import ResultFile, path_param

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
        path: str = path_param("results.csv", "CSV tables (*.csv)")

    def head(self) -> str:
        return _row([*_FRAME, *_FOUND, *_BOX])

    def is_mine(self, begin: str) -> bool:
        return begin.startswith(self.head())

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
