"""A document before it takes a form: headline, paragraphs and tables of plain text, nothing escaped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from cluster4npu.core.report.view import HEADINGS, ReportView, cells, number

SIMULATED_BANNER = "SIMULATED: these figures come from simulated devices and say nothing about hardware."


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part. `rows` are cells under `headings`; without headings they are name and value."""

    title: str
    lines: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: `value` is what is drawn, `label` stands before it."""

    label: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """What is written. `figures` are the same numbers for programs, as the JSON form holds them."""

    title: str
    subtitle: str
    headline: str
    sections: tuple[Section, ...]
    simulated: bool = False
    bars: tuple[Bar, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return everything in the document as JSON holds it."""
        told = asdict(self)
        told.pop("bars")
        return told


def document_of(view: ReportView) -> Document:
    """Return a run's report as a document."""
    summary = [view.explanation] if view.explanation else []
    if view.speedup is not None and view.speedup_ci95 is not None:
        low, high = view.speedup_ci95
        summary.append(f"Speedup {number(view.speedup)}, 95% interval {number(low)} to {number(high)}.")
    if view.efficiency_told:
        summary.append(view.efficiency_told)
    sections = [
        Section("Summary", tuple(summary)),
        Section("Look at this", view.warnings),
        Section("Figures", headings=HEADINGS, rows=tuple(cells(row) for row in view.rows)),
        Section("What ran", rows=view.facts),
        Section("Conditions", rows=view.conditions),
        Section("Method", (view.method,)),
    ]
    bars = tuple(Bar(row.label, row.fps or 0.0, f"{number(row.fps)} FPS") for row in view.bars)
    return Document(
        view.title,
        f"Measured {view.created_at}, run {view.run_id}",
        view.headline,
        tuple(s for s in sections if s.lines or s.rows),
        view.simulated,
        bars,
    )
