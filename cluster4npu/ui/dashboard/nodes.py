"""What each node of a run in one process computes: live rates, then the totals and what was computed for nobody."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from cluster4npu.core.metrics.snapshot import MetricsSnapshot
from cluster4npu.core.metrics.summary import ModeSummary, RunSummary
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.figure_table import FigureTable
from cluster4npu.ui.text import tr

_COLUMNS = ("", "computed a second", "CPU ms a second", "used by nobody", "CPU for nobody, ms a second")
_UNKNOWN = "-"


class NodesPanel(QWidget):
    """A table of the nodes. In a run with modes the end shows each node once for each of them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.note = plain_label()
        theme.give_role(self.note, "muted")
        self.table = FigureTable(tr("Nodes"), _COLUMNS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 2)
        layout.addWidget(self.note)
        layout.addWidget(self.table)
        layout.addStretch(1)

    def clear(self) -> None:
        """Show nothing."""
        self.note.setText("")
        self.table.show_rows([])

    def update_snapshot(self, snapshot: MetricsSnapshot) -> None:
        """Show the rates of the last seconds."""
        mode = tr("Mode: {0}.").format(snapshot.mode) + " " if snapshot.mode else ""
        self.note.setText(tr("{0}What was used is told at the end of the run.").format(mode))
        self.table.show_rows(
            [
                (
                    node.id,
                    f"{node.per_s:.1f}",
                    _UNKNOWN if node.cpu_ms is None else f"{node.cpu_ms * node.per_s:.1f}",
                    _UNKNOWN,
                    _UNKNOWN,
                )
                for node in snapshot.nodes
            ]
        )

    def show_end(self, summary: RunSummary) -> None:
        """Show what each node did in each mode, and for whom."""
        self.note.setText(". ".join(_told(mode) for mode in summary.node_periods) + ".")
        rows = []
        for mode in summary.node_periods:
            for node in mode.nodes:
                share = f"{node.unused / node.computes:.0%}" if node.computes else _UNKNOWN
                spent, wasted = (1000 * s / mode.seconds for s in (node.cpu_s, node.wasted_cpu_s))
                name = f"{mode.mode}: {node.id}" if mode.mode else node.id
                rows.append((name, f"{node.per_s:.1f}", f"{spent:.1f}", share, f"{wasted:.1f}"))
        self.table.show_rows(rows)


def _told(mode: ModeSummary) -> str:
    where = f"{mode.mode}, {mode.seconds:.1f} s" if mode.mode else f"{mode.seconds:.1f} s"
    wasted = 1000 * mode.wasted_cpu_s / mode.seconds
    return f"{where}: {wasted:.1f} ms of CPU a second for nobody"
