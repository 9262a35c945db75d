"""The window draws seldom while every core is busy, and never thins out what is measured."""

from __future__ import annotations

from dataclasses import replace

from pytestqt.qtbot import QtBot

from cluster4npu.core.pipeline.config import Targets
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.pace import LIVELY, SPARING, Pace
from tests.ui.dashboard.test_dashboard import SNAPSHOT


def after(pace: Pace, start_s: float, *cpus: float | None) -> object:
    running = replace(SNAPSHOT, state="running")
    for number, cpu in enumerate(cpus):
        pace.update(replace(running, elapsed_s=start_s + number / 4, host_cpu=cpu))
    return pace.rates


def test_it_is_sparing_while_no_core_is_free_and_until_that_is_known() -> None:
    pace = Pace()
    assert pace.begin() is SPARING
    assert after(pace, 0.0, 0.1, 0.1) is SPARING
    assert after(pace, 0.5, *[0.1] * 4) is LIVELY
    assert after(pace, 2.0, *[1.0] * 5) is SPARING
    assert after(pace, 4.0, *[0.7] * 8) is SPARING  # the window's own work must not make it waver
    assert after(pace, 8.0, *[0.5] * 8) is LIVELY
    assert after(pace, 12.0, *[0.7] * 8) is LIVELY
    assert pace.begin() is SPARING
    assert after(pace, 0.0, None) is LIVELY


def test_every_snapshot_is_kept_in_the_charts_however_seldom_they_are_drawn(
    window: MainWindow, qtbot: QtBot
) -> None:
    window.show_designer()
    space = window.workspace
    space.dashboard.begin(Targets())
    space.set_pace(SPARING)
    chart = space.dashboard.fps_chart
    qtbot.waitUntil(lambda: chart.isVisible() and not chart._redraw.isActive())
    for number in range(1, 9):
        space.show_snapshot(replace(SNAPSHOT, state="running", elapsed_s=number / 4, host_cpu=1.0))
    assert chart.points() == 8
    assert chart._redraw.interval() >= SPARING.chart_ms
    space.set_pace(LIVELY)
    chart._redraw.stop()
    space.show_snapshot(replace(SNAPSHOT, state="running", elapsed_s=9.0, host_cpu=0.1))
    assert chart._redraw.interval() == LIVELY.chart_ms
