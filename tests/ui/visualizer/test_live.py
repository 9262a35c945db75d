"""The figures on the canvas: how far behind the engine's report is what stands there, painted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QObject
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import Event, Failed, MetricsUpdated, RunOptions, StateChanged
from cluster4npu.core.errors import Cancelled, Problem
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.overlay.overlay import PerformanceOverlayWidget
from tests.ui.dashboard.test_dashboard import SNAPSHOT
from tests.ui.test_bridge import FakeRun, use

SLOTS = 1000  # the source's fill carries the number of the report
REPORTS = 2
PERIOD_S = 0.25  # the engine reports four times a second, and what is shown stays until the next report is
CEILING_S = 1.0  # twice what is allowed: other tests run beside it
LATE_MS = 1500  # of the control


class Reports(FakeRun):
    """A run that reports when the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: deque[Event] = deque([StateChanged("running")])

    def poll(self, timeout_s: float = 0.0) -> list[Event]:
        said = [self.said.popleft() for _ in range(len(self.said))]
        return said or super().poll(timeout_s)

    def stop(self, *, now: bool = True) -> None:
        self.said.append(Failed(Cancelled(Problem("it was ended"))))


class Painted(QObject):
    """Notes which report's figures the overlay has painted."""

    def __init__(self, overlay: PerformanceOverlayWidget) -> None:
        super().__init__(overlay)
        self._overlay, self.number = overlay, 0
        overlay.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        source = self._overlay.figures.nodes.get("source")
        if event.type() is QEvent.Type.Paint and source is not None and source.fill is not None:
            self.number = round(source.fill * SLOTS)
        return False


@pytest.mark.parametrize("late", [False, True], ids=["as it is", "control: asked for too seldom"])
def test_figures_on_the_canvas_are_not_far_behind(
    make_window: Callable[[], MainWindow], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """The best of some: `benchmarks.window_cost` tells the longest, where nothing else runs."""
    run = Reports()
    use(monkeypatch, run)
    window = make_window()
    window.files.new(PipelineTemplates.get("simulated"))
    painted = Painted(window.workspace.overlay)
    window.runs.run(RunOptions(calibration="never"))
    if late:
        window.runs.bridge._timer.setInterval(LATE_MS)
    behind: list[float] = []
    for number in range(1, REPORTS + 1):
        now = replace(SNAPSHOT, elapsed_s=number / 4, ring_slots=SLOTS, ring_used=number)
        begun = time.perf_counter()
        run.said.append(MetricsUpdated(now))
        qtbot.waitUntil(lambda number=number: painted.number == number, timeout=20_000)
        behind.append(PERIOD_S + time.perf_counter() - begun)
    window.runs.stop()
    qtbot.waitUntil(lambda: not window.runs.busy, timeout=20_000)
    window.document.undo_stack.setClean()
    assert (min(behind) > CEILING_S) == late, behind
