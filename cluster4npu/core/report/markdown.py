"""A report as Markdown. Names are escaped, so that a viewer that knows HTML shows them as text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cluster4npu.core.report.view import HEADINGS, ReportView, cells, number

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_LEADING = re.compile(r"^(\d*)([#+=.)-])(?=\s|$|\2)")  # would begin a heading, a list or a rule


def as_markdown(view: ReportView) -> str:
    """Return the whole report as Markdown."""
    lines = [f"# {escape(view.title)}", ""]
    if view.simulated:
        lines += [
            "**SIMULATED: these figures come from simulated devices and say nothing about hardware.**",
            "",
        ]
    lines += [f"## {escape(view.headline)}", ""]
    if view.explanation:
        lines += [escape(view.explanation), ""]
    if view.speedup is not None and view.speedup_ci95 is not None:
        low, high = view.speedup_ci95
        lines += [
            f"Speedup {number(view.speedup)}, 95% interval {number(low)} to {number(high)}.",
            "",
        ]
    if view.efficiency_told:
        lines += [escape(view.efficiency_told), ""]
    lines += [f"Measured {view.created_at}.", "", "## Figures", ""]
    lines += table(HEADINGS, [cells(row) for row in view.rows])
    if view.warnings:
        lines += ["", "## Look at this", "", *(f"- {escape(text)}" for text in view.warnings)]
    lines += ["", "## What ran", "", *table(("", ""), view.facts)]
    lines += ["", "## Conditions", "", *table(("", ""), view.conditions)]
    lines += ["", "## Method", "", escape(view.method), ""]
    return "\n".join(lines)


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table, every cell escaped."""
    return [
        f"| {' | '.join(headings)} |",
        f"|{'---|' * len(headings)}",
        *(f"| {' | '.join(escape(cell) for cell in row)} |" for row in rows),
    ]


def escape(text: str) -> str:
    """Return the text so that Markdown shows it as it is, on one line."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LEADING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", plain))
