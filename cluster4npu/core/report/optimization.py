"""What an optimisation brought: both configurations, what differs between them, and every figure's change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cluster4npu.core.compare.comparison import Comparison
from cluster4npu.core.report.document import Document, Section
from cluster4npu.core.report.view import number
from cluster4npu.core.store.records import RunRecord


def optimization_document(before: RunRecord, after: RunRecord, comparison: Comparison) -> Document:
    """Return the document on two runs; where they cannot be compared it says why, and has no ratio."""
    figures = [
        (item.name, number(_short(item.base)), number(_short(item.other)), number(_short(item.ratio)))
        for item in comparison.figures
        if item.base is not None or item.other is not None
    ]
    changed = list(_changes(before, after))
    sections = [
        Section("Verdict", (comparison.headline(),)),
        Section("Figures", (), ("", "Before", "After", "After / before"), tuple(figures)),
        Section(
            "What was changed",
            () if changed else ("The two configurations are equal.",),
            ("", "Before", "After") if changed else (),
            tuple(changed),
        ),
        Section("Other conditions that differ", (), ("", "Before", "After"), comparison.differences),
        Section("Configuration before", rows=tuple(_settings(before))),
        Section("Configuration after", rows=tuple(_settings(after))),
    ]
    return Document(
        f"Optimization: {after.pipeline.name}",
        f"Run {before.id} before, run {after.id} after",
        comparison.headline(),
        tuple(s for s in sections if s.lines or s.rows),
        comparison.simulated,
        figures=comparison.as_dict(),
    )


def _changes(before: RunRecord, after: RunRecord) -> Iterator[tuple[str, str, str]]:
    ours, theirs = dict(_settings(before)), dict(_settings(after))
    for name in dict.fromkeys([*ours, *theirs]):
        if ours.get(name) != theirs.get(name):
            yield name, ours.get(name, "not there"), theirs.get(name, "not there")


def _settings(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield NODE.PARAM and value of everything that the pipeline's file sets, and the wires."""
    try:
        data: dict[str, Any] = json.loads(record.pipeline.text)
    except ValueError:
        return
    for node in data.get("nodes", []):
        yield f"{node['id']}", str(node["type"]) + (", bypassed" if node.get("bypassed") else "")
        for name, value in sorted((node.get("params") or {}).items()):
            yield f"{node['id']}.{name}", json.dumps(value, ensure_ascii=False)
    for edge in data.get("edges", []):
        yield f"wire to {edge['target']}", str(edge["source"])


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
