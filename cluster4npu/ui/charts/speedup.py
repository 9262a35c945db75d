"""A stored benchmark's rates to one scale: each device alone, and all together."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from cluster4npu.core.store import RunRecord
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.bars import Bar, Bars
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.text import told, tr

ALL = "all together"


class SpeedupComparisonChart(QWidget):
    """`values` are the stored rates (frames/s) by side, None where none was measured."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.values: dict[str, float | None] = {}
        self.title = plain_label()
        theme.give_role(self.title, "subheading")
        self.bars = Bars(tr("Frames/s of each device alone, and of all together"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.addWidget(self.title)
        layout.addWidget(self.bars)
        layout.addStretch(1)

    def show_run(self, record: RunRecord) -> None:
        """Show a stored benchmark, or the one rate of an ordinary run."""
        singles = {r.device: r.fps for r in record.results if r.side == "single"}
        whole = record.result("parallel") or record.result("run")
        self.values = {**singles, **({ALL: whole.fps} if whole else {})}
        simulated = {r.device for r in record.results if r.simulated}
        best = max((fps for fps in singles.values() if fps), default=None)
        bars = []
        for number, (name, fps) in enumerate(self.values.items()):
            text = tr("not measured") if fps is None else f"{fps:,.1f}"
            if name == ALL and fps and best and record.valid:
                text += "  " + tr("({0:.2f}x the best alone)").format(fps / best)
            marked = tr(" (SIMULATED)") if name in simulated or (name == ALL and record.simulated) else ""
            bars.append(
                Bar(f"{tr(name) if name == ALL else name}{marked}", fps, text, number, strong=name == ALL)
            )
        self.bars.show_bars(bars)
        interval = record.detail.get("speedup_ci95")
        range_of = (
            tr(", 95% interval {0:.2f} to {1:.2f}").format(*interval) if interval and record.valid else ""
        )
        invalid = "" if record.valid else " " + tr("(INVALID: {0})").format(told(record.invalid_reason))
        self.title.setText(tr("Frames/s{0}{1}").format(range_of, invalid))
