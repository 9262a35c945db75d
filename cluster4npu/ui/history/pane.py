"""Beside the list of runs: the chosen one in figures and charts, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from cluster4npu.core.compare import Trend
from cluster4npu.core.errors import Problem
from cluster4npu.core.store import RunRecord, SegmentRecord
from cluster4npu.ui import theme
from cluster4npu.ui.charts import AdvancedChartComponents
from cluster4npu.ui.dialogs.errors import ProblemBox, plain_label
from cluster4npu.ui.history.details import RunDetails
from cluster4npu.ui.text import tr

_FIGURES = 1  # their place in the layout


class RunPane(QWidget):
    """Figures and charts are made one after the other, so that none of the window's turns is long: by themselves
    soon after the pane, or when they are asked for. `picked` carries the id of a run that was clicked in a chart.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._details: RunDetails | None = None
        self._charts: AdvancedChartComponents | None = None
        self._shown = ""
        self.problems = ProblemBox()
        self.message = plain_label()
        theme.give_role(self.message, "muted")
        self.report_button = QPushButton(tr("&Export report ..."))
        self.copy_button = QPushButton(tr("&Copy run id"))
        self.compare_button = QPushButton(tr("Co&mpare"))
        self.compare_button.setEnabled(False)
        self.compare_button.setToolTip(
            tr("Choose two runs or more (Ctrl, Shift): they are held against the oldest")
        )
        self._layout = layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 0, 0, 0)
        layout.addWidget(self.problems)
        layout.addStretch(0)
        layout.addWidget(self.message)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self.compare_button, self.copy_button, self.report_button):
            buttons.addWidget(button)
        layout.addLayout(buttons)
        QTimer.singleShot(0, self, self._make)

    @property
    def details(self) -> RunDetails:
        """Return the figures, made at the first call."""
        if self._details is None:
            self._details = RunDetails()
            self._details.hide()
            self._layout.insertWidget(_FIGURES, self._details, 1)
        return self._details

    @property
    def charts(self) -> AdvancedChartComponents:
        """Return the charts, made at the first call."""
        if self._charts is None:
            place = self._layout.indexOf(self.details) + 1
            self._charts = AdvancedChartComponents()
            self._charts.hide()
            self._charts.trend.picked.connect(self.picked)
            self._layout.insertWidget(place, self._charts)
        return self._charts

    def show_run(self, record: RunRecord, segments: Sequence[SegmentRecord], trend: Trend | None) -> None:
        """Show a stored run with its frames and the trend that it belongs to."""
        self._shown = record.id
        self.details.show_run(record)
        self.details.show()
        QTimer.singleShot(0, self, lambda: self._show_charts(record, segments, trend))

    def show_none(self) -> None:
        """Show no run."""
        self._shown = ""
        for widget in (self._details, self._charts):
            if widget is not None:
                widget.hide()

    def begin(self, *, chosen: bool) -> None:
        """Forget what was told of the last run; `chosen` tells whether there is another."""
        self.message.setText("")
        self.problems.show_problems([])
        for button in (self.report_button, self.copy_button):
            button.setEnabled(chosen)

    def fail(self, problems: Sequence[Problem]) -> None:
        """Show why the chosen run cannot be shown."""
        self.show_none()
        self.problems.show_problems(problems)

    def _show_charts(self, record: RunRecord, segments: Sequence[SegmentRecord], trend: Trend | None) -> None:
        if self._shown == record.id:  # nothing else has been chosen meanwhile
            self.charts.show_run(record, segments, trend)
            self.charts.show()

    def _make(self) -> None:
        """Make the figures now, and the charts in the next turn."""
        if self._details is None:
            self.details.hide()
        QTimer.singleShot(0, self, self._make_charts)

    def _make_charts(self) -> None:
        if self._charts is None:
            self.charts.hide()
