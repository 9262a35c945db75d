"""Single and parallel side by side: the large number, bars, and the tables behind them."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.speedup import SpeedupWidget
from cluster4npu.ui.dialogs.bars import Bar, Bars
from cluster4npu.ui.dialogs.comparison import Comparison, figure, percent
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.figure_table import FigureTable
from cluster4npu.ui.dialogs.notes import note_text
from cluster4npu.ui.text import tr

_LATENCY = ("p50, ms", "p95, ms", "p99, ms")


class ComparisonView(QWidget):
    """Shows one comparison; the same in the benchmark's dialog and in the history."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.speedup = SpeedupWidget()
        self.note = plain_label(name="ResultNote")
        self.bars = Bars(tr("Frames per second, single and parallel"))
        self.sides = FigureTable(tr("Single and parallel"), ("Side", "Frames/s", *_LATENCY))
        self.efficiency = plain_label()
        theme.give_role(self.efficiency, "muted")
        self.workers_title = _heading("Share of each device")
        self.workers = FigureTable(
            "Share of each device", ("Device", "Share", "Busy", "Frames/s", "Service, ms")
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.speedup)
        layout.addWidget(self.note)
        layout.addSpacing(4)
        layout.addWidget(_heading("Frames per second"))
        layout.addWidget(self.bars)
        layout.addWidget(self.sides)
        layout.addWidget(self.efficiency)
        layout.addSpacing(4)
        layout.addWidget(self.workers_title)
        layout.addWidget(self.workers)

    def show_comparison(self, result: Comparison) -> None:
        """Show these figures."""
        reason = result.reason if not result.valid else ""
        interval = result.interval if result.valid else None
        self.speedup.show_result(
            result.verdict, interval, simulated=result.simulated, valid=result.valid, reason=reason
        )
        note = note_text(result)
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self._show_sides(result)
        self.workers_title.setVisible(bool(result.workers))
        self.workers.setVisible(bool(result.workers))
        self.workers.show_rows(
            [
                [
                    worker.id + (tr(" (SIMULATED)") if worker.simulated else ""),
                    percent(worker.share),
                    percent(worker.busy),
                    figure(worker.fps),
                    figure(worker.service_ms),
                ]
                for worker in result.workers
            ]
        )

    def _show_sides(self, result: Comparison) -> None:
        bars, rows, strong = [], [], None
        for number, side in enumerate(result.sides):
            name = tr(side.title) if side.parallel else tr("{0} alone").format(side.title)
            color = 2 if side.parallel else 0 if side.baseline else 6
            bars.append(Bar(name, side.fps, figure(side.fps), color, side.parallel or side.baseline))
            latency = [figure(value) for value in (side.p50_ms, side.p95_ms, side.p99_ms)]
            rows.append([name, figure(side.fps), *latency])
            strong = number if side.parallel else strong
        self.bars.show_bars(bars)
        self.sides.show_rows(rows, strong)
        missing = any(None in (s.p50_ms, s.p95_ms, s.p99_ms) for s in result.sides)
        together = any(side.parallel for side in result.sides)
        above = result.efficiency is not None and result.efficiency > 1.0
        rates = (
            tr(
                "{0} of all devices' rates added up (what is above 100% is noise: alone they are measured shortly)"
            )
            if above
            else tr("{0} of all devices' rates added up")
        ).format(percent(result.efficiency))
        self.efficiency.setText(
            (
                tr("Scaling efficiency: {0}.").format(rates) + " "
                if together and result.efficiency is not None
                else ""
            )
            + (
                tr("p50, p95 and p99 are latencies end to end; not reported: too few frames.")
                if missing
                else tr("p50, p95 and p99 are latencies end to end.")
            )
        )


def _heading(text: str) -> QWidget:
    label = plain_label(text, wrap=False)
    theme.give_role(label, "heading")
    return label
