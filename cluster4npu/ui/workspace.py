"""The designer: the canvas, and around it palette, preview, properties, dashboard and problems."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow, QWidget

from cluster4npu.core.engine.messages import Calibrated, Started
from cluster4npu.core.errors import Problem
from cluster4npu.core.metrics.snapshot import MetricsSnapshot
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui.assistant.panel import OptimizationAssistantPanel
from cluster4npu.ui.dashboard.dashboard import PerformanceDashboard
from cluster4npu.ui.devices.panel import DeviceManagementPanel
from cluster4npu.ui.dock import Dock
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.editor import EnhancedPipelineEditor
from cluster4npu.ui.editor.palette import NodePalette
from cluster4npu.ui.editor.problems import ProblemsPanel
from cluster4npu.ui.editor.properties import PropertyPanel
from cluster4npu.ui.layouts import Layouts
from cluster4npu.ui.overlay.live import LiveOverlay
from cluster4npu.ui.overlay.overlay import PerformanceOverlayWidget
from cluster4npu.ui.pace import Rates
from cluster4npu.ui.preferences import Preferences
from cluster4npu.ui.preview import Preview
from cluster4npu.ui.text import told_problem, tr
from cluster4npu.ui.visualizer.visualizer import ParallelExecutionVisualizer

_WIDEST_PALETTE = 250
_LEFT = Qt.DockWidgetArea.LeftDockWidgetArea
_RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
_BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea


class Workspace(QMainWindow):
    """A window in the window, so that its panels go and come with it.

    The right column is preview over properties; the bottom is dashboard and problems in tabs. So a run is
    seen beside the canvas, which nothing ever covers.
    """

    def __init__(
        self,
        document: Document,
        preferences: Preferences,
        store: Path | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowFlags(Qt.WindowType.Widget)
        self._preferences = preferences
        self._document = document
        self.editor = EnhancedPipelineEditor(document)
        self.node_palette = NodePalette()
        self.properties = PropertyPanel(document)
        self.properties.advanced_action.setChecked(preferences.advanced)
        self.properties.advanced_changed.connect(lambda on: setattr(preferences, "advanced", on))
        self.problems = ProblemsPanel(document)
        self.preview = Preview()
        self.dashboard = PerformanceDashboard()
        self.devices = DeviceManagementPanel(document, store)
        self.visualizer = ParallelExecutionVisualizer()
        self.assistant = OptimizationAssistantPanel(document, self.visualizer)
        self.overlay = PerformanceOverlayWidget(self.editor.canvas)
        self.live_overlay = LiveOverlay(self.overlay, self.visualizer)
        self.setCentralWidget(self.editor)
        self.setDockNestingEnabled(True)
        self.setCorner(Qt.Corner.BottomRightCorner, _RIGHT)
        self.setCorner(Qt.Corner.BottomLeftCorner, _BOTTOM)
        self.docks: dict[str, Dock] = {}
        for name, widget, area in (
            ("Palette", self.node_palette, _LEFT),
            ("Preview", self.preview, _RIGHT),
            ("Properties", self.properties, _RIGHT),
            ("Dashboard", self.dashboard, _BOTTOM),
            ("Timeline", self.visualizer, _BOTTOM),
            ("Assistant", self.assistant, _BOTTOM),
            ("Devices", self.devices, _BOTTOM),
            ("Problems", self.problems, _BOTTOM),
        ):
            self._add_dock(name, widget, area)
        for name in ("Timeline", "Assistant", "Devices", "Problems"):
            self.tabifyDockWidget(self.docks["Dashboard"], self.docks[name])
        self.docks["Dashboard"].raise_()
        self._first_state = self.saveState()
        self._sized = False
        self.layouts = Layouts(self, self.docks, preferences)
        self.editor.node_selected.connect(self.properties.show_node)
        self.editor.properties_wanted.connect(self.focus_properties)
        self.node_palette.node_activated.connect(self.editor.add_node)
        self.problems.node_chosen.connect(self.editor.select_node)
        self.problems.problem_chosen.connect(self.lead_to)
        self.editor.canvas.node_double_clicked.connect(self._open_node)
        self.assistant.hinted.connect(self.editor.canvas.show_hint)
        self.assistant.refused.connect(self.editor.canvas.tell)
        alerts = self.dashboard.alerts
        alerts.set_user_rules(preferences.alert_rules)
        alerts.rules_edited.connect(lambda rules: setattr(preferences, "alert_rules", rules))
        document.problems_changed.connect(lambda _: self._count_problems())

    def view_actions(self) -> list[QAction]:
        """Return the actions that show and hide the panels, and the advanced settings in one of them."""
        return [*(dock.toggleViewAction() for dock in self.docks.values()), self.properties.advanced_action]

    def begin_run(self, config: PipelineConfig) -> None:
        """Show the panels of a run, empty."""
        if self.layouts.current != "analyse":  # there the timeline stays in front
            for name in ("Preview", "Dashboard"):
                self.docks[name].show()
                self.docks[name].raise_()
        self.end_problems()
        self.preview.begin(config)
        self.dashboard.begin(config.targets)
        self.visualizer.begin(config)
        self.assistant.begin(config)
        self.live_overlay.begin(config)
        self.devices.begin_run()

    def set_pace(self, rates: Rates) -> None:
        """Draw what moves so often."""
        self.dashboard.set_pace(rates.chart_ms)
        self.visualizer.judge_s = rates.judge_ms / 1000
        self.live_overlay.set_pace(rates.tokens_ms)

    def forget_run(self) -> None:
        """Empty the panels of a run: another pipeline was opened."""
        self.end_problems()
        self.preview.clear()
        self.dashboard.clear()
        self.dashboard.compare.forget()
        self.visualizer.clear()
        self.assistant.clear()
        self.live_overlay.clear()
        self.devices.forget_run()

    def end_problems(self) -> None:
        """Forget what went wrong in the last run."""
        self.problems.show_run_problems(())
        self._count_problems()

    def show_started(self, started: Started) -> None:
        """Take note of what runs the pipeline."""
        self.preview.show_started(started)
        self.visualizer.show_started(started.devices, started.simulated, started.stages)
        self.assistant.show_started(started)

    def show_calibrated(self, event: Calibrated) -> None:
        """Take note of what each device did in calibration."""
        self.dashboard.show_calibrated(event)
        self.assistant.show_calibrated(event)

    def show_frames(self, rows: np.ndarray) -> None:
        """Take the stamps (FRAME_TRACE) of frames that have just ended."""
        self.visualizer.add_frames(rows)

    def show_snapshot(self, snapshot: MetricsSnapshot) -> None:
        """Show the newest measurements, on the dashboard and on the canvas."""
        self.dashboard.update_snapshot(snapshot)
        self.live_overlay.update_snapshot(snapshot, self.dashboard.fps)
        self.devices.show_snapshot(snapshot)

    def end_run(self, summary: RunSummary | None, how: str, problems: Sequence[Problem] = ()) -> None:
        """Show how the run ended: "finished", "stopped" or "failed", then with its problems."""
        self.dashboard.show_end(summary, how)
        self.visualizer.end(summary.traces if summary is not None else None)
        self.assistant.end()
        self.live_overlay.end(summary)
        self.preview.end(how, told_problem(problems[0]) if problems else "")
        self.devices.end_run(summary)
        self.problems.show_run_problems(problems)
        self._count_problems()

    def focus_properties(self, field: str = "") -> None:
        """Bring the properties to the front and the keyboard to this field, or the first one."""
        self.docks["Properties"].show()
        self.docks["Properties"].raise_()
        self.properties.focus_first(field)

    def lead_to(self, problem: Problem) -> None:
        """Bring the reader to where this can be mended: the parameter, or the wires that could be made."""
        self.editor.select_node(problem.node)
        field = problem.field.split(".")[0]
        item = self.editor.canvas.items_by_id.get(problem.node)
        if field in self.properties.form.rows:
            self.focus_properties(field)
        elif item is not None and any(dot.name == field for dot in item.inputs):
            self.editor.setFocus()
            self.editor.keyboard.connect_selected()

    def _open_node(self, node: str) -> None:
        """Go to the first thing that is wrong with a node, or else to its properties."""
        wrong = [p for p in self.problems.shown() if p.node == node]
        self.editor.select_node(node)
        if wrong:
            self.lead_to(wrong[0])
        else:
            self.focus_properties()

    def show_problems(self, node: str) -> None:
        """Bring the list of problems to the front and the faulty node into view."""
        self.docks["Problems"].show()
        self.docks["Problems"].raise_()
        if node:
            self.editor.select_node(node)

    def reset_layout(self) -> None:
        """Put all panels of this arrangement back to their first places and sizes."""
        self.restoreState(self._first_state)
        for dock in self.docks.values():
            dock.setFloating(False)
            dock.show()
        self._size_docks()
        self.layouts.arrange()

    def show_layout(self, name: str) -> None:
        """Go to another arrangement of the panels: "design", "run" or "analyse"."""
        if not self.layouts.switch(name):
            self.reset_layout()

    def keep_layout(self) -> None:
        """Remember where the panels are."""
        if self._sized:
            self.layouts.keep()

    def showEvent(self, event: object) -> None:
        if not self._sized:
            self._sized = True
            if not self.layouts.restore():
                self._size_docks()
                self.layouts.arrange()

    def _add_dock(self, name: str, widget: QWidget, area: Qt.DockWidgetArea) -> None:
        dock = Dock(tr(name), widget, self)
        dock.setObjectName(f"{name}Dock")
        self.addDockWidget(area, dock)
        self.docks[name] = dock

    def _size_docks(self) -> None:
        """Give the panels their share: more to preview and charts on a large screen."""
        width, height = max(self.width(), 900), max(self.height(), 600)
        docks = self.docks
        right = min(460, max(300, round(width * 0.25)))
        self.resizeDocks(
            [docks["Palette"], docks["Preview"], docks["Properties"]],
            [min(max(190, self.node_palette.width_of_names()), _WIDEST_PALETTE), right, right],
            Qt.Orientation.Horizontal,
        )
        bottom = min(390, max(290, round(height * 0.38)))
        self.resizeDocks([docks["Dashboard"]], [bottom], Qt.Orientation.Vertical)
        preview = round(right * 0.72)
        self.resizeDocks(
            [docks["Preview"], docks["Properties"]], [preview, height - preview], Qt.Orientation.Vertical
        )

    def _count_problems(self) -> None:
        count = len(self.problems.shown())
        self.docks["Problems"].setWindowTitle(tr("Problems ({0})").format(count) if count else tr("Problems"))
