"""Writing reports: the file's ending chooses the form."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from cluster4npu.core.compare.comparison import compare_runs
from cluster4npu.core.errors import InputError, Problem, nearest
from cluster4npu.core.files import write_whole
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.reasons import reason_of
from cluster4npu.core.report.document import document_of
from cluster4npu.core.report.executive import Costs, executive_document
from cluster4npu.core.report.forms import DOCUMENT_FORMS
from cluster4npu.core.report.html import as_html
from cluster4npu.core.report.markdown import as_markdown
from cluster4npu.core.report.optimization import optimization_document
from cluster4npu.core.report.pdf import as_pdf
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


def _pdf(view: ReportView) -> bytes:
    return as_pdf(document_of(view))


FORMATS: dict[str, Callable[[ReportView], str | bytes]] = {
    ".html": as_html,
    ".pdf": _pdf,
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
        _write(path, _form(path, FORMATS)(ReportView.of(self._store.run(run_id))))
        return path

    def performance_texts(self, run_id: str) -> dict[str, str]:
        """Return the report of a run as text, by the endings `.html`, `.md` and `.json`; raises as above."""
        view = ReportView.of(self._store.run(run_id))
        return {ending: str(FORMATS[ending](view)) for ending in (".html", ".md", ".json")}

    def create_optimization_report(self, before: str, after: str, path: str | Path) -> Path:
        """Write what became of one stored run in another: both configurations and every figure's change.

        Two runs that cannot be compared make a report that says why. Raises as `generate_performance_report`.
        """
        path = Path(path)
        form = _form(path, DOCUMENT_FORMS)
        (comparison,) = compare_runs(self._store, before, [after])
        document = optimization_document(self._store.run(before), self._store.run(after), comparison)
        _write(path, form(document))
        return path

    def export_configuration_summary(self, run_id: str, path: str | Path) -> Path:
        """Write the pipeline that a run was made with: a pipeline file that can be opened and run again.

        Relative paths in it belong to the folder in which the pipeline was, and passwords in addresses are masked.
        Raises as `generate_performance_report`.
        """
        path = Path(path)
        _form(path, {".json": None})
        _write(path, PipelineConfig.parse(self._store.run(run_id).pipeline.text).text())
        return path

    def generate_executive_summary(self, run_id: str, path: str | Path, costs: Costs | None = None) -> Path:
        """Write one page on a run. It has figures of money only from the caller's own `costs`.

        Raises as `generate_performance_report`.
        """
        path = Path(path)
        form = _form(path, DOCUMENT_FORMS)
        _write(path, form(executive_document(ReportView.of(self._store.run(run_id)), costs)))
        return path


_F = TypeVar("_F")


def _form(path: Path, forms: Mapping[str, _F]) -> _F:
    """Return the form that a file's ending names; raises InputError."""
    if path.suffix.lower() not in forms:
        raise InputError(
            Problem(
                "a report cannot be written in this form",
                field="output",
                found=path.suffix or path.name,
                allowed=", ".join(forms),
                hint=nearest(path.suffix, forms) or "Choose a file name with one of those endings.",
            )
        )
    return forms[path.suffix.lower()]


def _write(path: Path, content: str | bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise InputError(
            Problem(
                "the report cannot be written",
                field="output",
                found=f"{path}: {reason_of(error)}",
                hint="Choose a folder that exists and can be written.",
            )
        ) from error
