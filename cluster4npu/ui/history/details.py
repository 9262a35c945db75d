"""The pane beside the list: one stored run with its figures, its conditions and the command that made it."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from cluster4npu.core.devices.truth import fell_back
from cluster4npu.core.store import RunRecord
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.chip import Chip, simulated_chip
from cluster4npu.ui.dialogs.comparison import Comparison, figure, percent
from cluster4npu.ui.dialogs.comparison_view import ComparisonView
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.figure_table import FigureTable
from cluster4npu.ui.history.conditions import conditions
from cluster4npu.ui.text import told, tr


class RunDetails(QScrollArea):
    """Shows one run."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("Details of the run"))
        self.title = plain_label()
        theme.give_role(self.title, "heading")
        self.subtitle = plain_label()
        theme.give_role(self.subtitle, "muted")
        self.simulated = simulated_chip()
        self.invalid = Chip()
        self.comparison = ComparisonView()
        self.figures = FigureTable(
            "Figures", ("Device", "Frames/s", "p50, ms", "p95, ms", "p99, ms", "Share")
        )
        self.about_latency = plain_label(
            tr("Latencies: all together end to end, each device's in that device.")
        )
        self.about_latency.setWordWrap(True)
        theme.give_role(self.about_latency, "muted")
        self.facts = _selectable()
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(4, 0, 8, 8)
        layout.setSpacing(8)
        shown: tuple[QWidget, ...] = (self.title, self.subtitle, self.simulated, self.invalid)
        figures = (self.comparison, self.figures, self.about_latency)
        for widget in (*shown, *figures, _heading(tr("Conditions")), self.facts):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.setWidget(inner)

    def show_run(self, record: RunRecord) -> None:
        """Show this run."""
        self.title.setText(record.pipeline.name or tr("(no name)"))
        when = f"{record.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
        self.subtitle.setText(tr("{0} of {1}\nRun id {2}").format(tr(record.kind), when, record.id))
        comparison = Comparison.of(record.detail)
        compared = record.kind == "benchmark" and bool(comparison.sides)
        self.comparison.setVisible(compared)
        self.figures.setVisible(not compared)
        self.about_latency.setVisible(not compared)
        self.simulated.setVisible(record.simulated and not compared)
        invalid = "" if record.valid or compared else tr("INVALID: {0}").format(told(record.invalid_reason))
        self.invalid.show_word(invalid, "fail")
        if compared:
            self.comparison.show_comparison(comparison)
        else:
            self.figures.show_rows(_rows(record), 0)
        self.facts.setText("\n".join(f"{told(title)}: {told(value)}" for title, value in facts(record)))
        self.verticalScrollBar().setValue(0)


def facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Return what is known of a run beside its figures, as titles and short values."""
    for device in record.devices:
        label = " (SIMULATED)" if device.simulated else ""
        label += " (fell back to the CPU)" if fell_back(device.id, device.unit) else ""
        name = " \N{MIDDLE DOT} ".join(told(part) for part in (device.name, device.unit) if part)
        yield f"Device {device.id}{label}", name or "no details"
    if record.model is not None:
        yield tr("Model"), f"{record.model.name} (SHA-256 {record.model.sha256[:16]})"
    yield from conditions(record.conditions)
    yield tr("Frames kept"), f"{record.sample_rows:,}"
    if record.command:
        yield tr("Command"), record.command


def _rows(record: RunRecord) -> list[list[str]]:
    rows = []
    for result in record.results:
        latency = [figure(v) for v in (result.latency_ms.p50, result.latency_ms.p95, result.latency_ms.p99)]
        share = percent(result.share) if result.device else ""
        rows.append([result.device or tr("all together"), figure(result.fps), *latency, share])
    return rows


def _selectable() -> QLabel:
    label = plain_label()
    theme.give_role(label, "muted")
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    label.setAccessibleName(tr("Conditions"))
    return label


def _heading(text: str) -> QWidget:
    label = plain_label(text, wrap=False)
    theme.give_role(label, "heading")
    return label
