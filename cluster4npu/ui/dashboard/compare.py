"""Single against parallel, side by side: the last benchmark of this pipeline, and how the run compares now."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from cluster4npu.core.engine.messages import Calibrated
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.export import ExportButton, Table
from cluster4npu.ui.dashboard.speedup import SpeedupWidget
from cluster4npu.ui.dialogs.bars import Bar, Bars
from cluster4npu.ui.dialogs.comparison import Comparison, Side, figure
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.figure_table import FigureTable
from cluster4npu.ui.dialogs.notes import note_text
from cluster4npu.ui.text import tr

NOTHING = "No benchmark of this pipeline yet. Press F6 to measure each device alone and all together."
_FIGURES = ("Frames/s", "p50, ms", "p95, ms", "p99, ms")


class ComparePanel(QWidget):
    """Large number, bars and a table of each device alone and all together, with the differences."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.speedup_display = SpeedupWidget()
        self.bars = Bars(tr("Frames per second, single and parallel"))
        self.table = FigureTable(tr("Single and parallel"), ("", "best alone", "all together", "difference"))
        self.live = plain_label()
        theme.give_role(self.live, "muted")
        self.note = plain_label(tr(NOTHING))
        theme.give_role(self.note, "muted")
        self.comparison: Comparison | None = None
        self._alone = 0.0
        self._device = ""
        left = QVBoxLayout()
        left.addWidget(self.speedup_display)
        left.addWidget(self.live)
        left.addStretch(1)
        middle = QVBoxLayout()
        middle.addWidget(self.note)
        middle.addWidget(self.bars)
        middle.addStretch(1)
        right = QVBoxLayout()
        right.addWidget(self.table)
        right.addStretch(1)
        inner = QWidget()
        columns = QHBoxLayout(inner)
        columns.setContentsMargins(4, 4, 4, 2)
        columns.setSpacing(14)
        for column, part in ((left, 3), (middle, 4), (right, 4)):
            columns.addLayout(column, part)
        self.menu_button = ExportButton(self, tr("Comparison"), self._export)
        columns.addWidget(self.menu_button, 0, Qt.AlignmentFlag.AlignTop)
        area = QScrollArea()
        area.setWidget(inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        self.forget()

    def forget(self) -> None:
        """Go back to the state before the first benchmark of this pipeline."""
        self.comparison = None
        self.speedup_display.clear()
        for widget in (self.bars, self.table, self.menu_button):
            widget.hide()
        self.note.setText(tr(NOTHING))
        self.note.show()
        self.begin()

    def begin(self) -> None:
        """A run starts: nothing is known of it yet."""
        self._alone, self._device = 0.0, ""
        self.live.setText("")

    def show_comparison(self, result: Comparison) -> None:
        """Show a benchmark, fresh or stored."""
        self.comparison = result
        reason = result.reason if not result.valid else ""
        self.speedup_display.show_result(
            result.verdict,
            result.interval if result.valid else None,
            simulated=result.simulated,
            valid=result.valid,
            reason=reason,
        )
        bars = []
        for side in result.sides:
            color = 2 if side.parallel else 0 if side.baseline else 6
            name = tr(side.title) if side.parallel else tr("{0} alone").format(side.title)
            bars.append(Bar(name, side.fps, f"{figure(side.fps)} FPS", color, side.parallel or side.baseline))
        self.bars.show_bars(bars)
        self.bars.show()
        self.menu_button.show()
        rows = _rows(result)
        self.table.show_rows(rows)
        self.table.setVisible(bool(rows))
        note = note_text(result)
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def show_calibrated(self, event: Calibrated) -> None:
        """Take note of what each device did alone, for the estimate during the run."""
        best = max(event.devices, key=lambda device: device.fps_alone, default=None)
        if best is not None and len(event.devices) > 1:
            self._alone, self._device = best.fps_alone, best.id

    def show_fps(self, fps: float) -> None:
        """Say how the run compares with the best device alone as calibration saw it: an estimate, no benchmark."""
        if self._alone > 0 and fps > 0:
            ratio = fps / self._alone
            self.live.setText(
                tr("Now about {0:.1f}x of {1} alone (estimate from calibration)").format(ratio, self._device)
            )

    def _export(self) -> Table:
        sides = self.comparison.sides if self.comparison else ()
        rows = [(s.title, s.fps, s.p50_ms, s.p95_ms, s.p99_ms) for s in sides]
        return ["side", "fps", "p50 (ms)", "p95 (ms)", "p99 (ms)"], rows


def _rows(result: Comparison) -> list[list[str]]:
    """Return the baseline and the parallel side, figure by figure, with the difference in percent."""
    alone = next((side for side in result.sides if side.baseline), None)
    together = next((side for side in result.sides if side.parallel), None)
    if alone is None or together is None:
        return []
    pairs = zip(_FIGURES, _values(alone), _values(together), strict=True)
    return [[tr(name), figure(one), figure(both), _difference(one, both)] for name, one, both in pairs]


def _values(side: Side) -> tuple[float | None, ...]:
    return side.fps, side.p50_ms, side.p95_ms, side.p99_ms


def _difference(one: float | None, both: float | None) -> str:
    return "" if not one or both is None else f"{(both - one) / one:+.0%}"
