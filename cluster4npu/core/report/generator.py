"""Writing reports: the file's ending chooses the form."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from cluster4npu.core.errors import InputError, Problem, nearest
from cluster4npu.core.files import write_whole
from cluster4npu.core.report.html import as_html
from cluster4npu.core.report.markdown import as_markdown
from cluster4npu.core.report.view import COLUMNS, ReportView
from cluster4npu.core.store.store import Store


def as_csv(view: ReportView) -> str:
    """Return the figures as CSV with a heading; what was not measured is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("run_id", *COLUMNS))
    for row in view.rows:
        values = (getattr(row, name) for name in COLUMNS)
        writer.writerow((view.run_id, *(_cell(value) for value in values)))
    return text.getvalue()


def _cell(value: object) -> object:
    """Keep spreadsheets from reading a name as a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def as_json(view: ReportView) -> str:
    """Return everything in the report as one JSON object."""
    return json.dumps(view.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[ReportView], str]] = {
    ".html": as_html,
    ".md": as_markdown,
    ".csv": as_csv,
    ".json": as_json,
}


class ReportGenerator:
    """Writes reports about the runs of one store.

    >>> ReportGenerator(Store("results.duckdb")).generate_performance_report(run_id, "report.html")
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def generate_performance_report(self, run_id: str, path: str | Path) -> Path:
        """Write the report of a run whole or not at all, and return the path.

        Raises InputError for an unknown run, an ending that is not one of FORMATS, or a place that cannot be
        written; StoreError when the run cannot be read.
        """
        path = Path(path)
        form = FORMATS.get(path.suffix.lower())
        if form is None:
            known = ", ".join(FORMATS)
            raise InputError(
                Problem(
                    "a report cannot be written in this form",
                    field="output",
                    found=path.suffix or path.name,
                    allowed=known,
                    hint="Write .html and print that to PDF."
                    if path.suffix.lower() == ".pdf"
                    else nearest(path.suffix, FORMATS) or "Choose a file name with one of those endings.",
                )
            )
        _write(path, form(ReportView.of(self._store.run(run_id))))
        return path


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise InputError(
            Problem(
                "the report cannot be written",
                field="output",
                found=f"{path}: {error.strerror or error}",
                hint="Choose a folder that exists and can be written.",
            )
        ) from error
