"""The alerts of the dashboard on the real window: set, fired once, cleared, logged, kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from cluster4npu.core.metrics.alerts import AlertRule
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.ui.main_window import MainWindow
from tests.ui.dashboard.test_dashboard import SNAPSHOT
from tests.ui.editor.pipelines import chain


def test_targets_fire_once_are_logged_and_clear(window: MainWindow, caplog: pytest.LogCaptureFixture) -> None:
    window.files.new(chain())
    dashboard = window.workspace.dashboard
    dashboard.alerts.set_user_rules([AlertRule("fps", "below", 25.0)])
    window.workspace.begin_run(chain().replace(targets=Targets(fps=30.0)))
    with caplog.at_level(logging.INFO, "cluster4npu.alerts"):
        for step in range(40):
            fps = 10.0 if 8 <= step < 20 else 40.0
            dashboard.update_snapshot(replace(SNAPSHOT, elapsed_s=step / 4, fps=fps))
            if step == 19:
                assert dashboard.tabs.tabText(3) == "▲ Alerts (2)"
                assert dashboard.figures.alert.text() == "▲ Frames per second below 25 FPS"
    told = [record.message for record in caplog.records]
    assert len(told) == 4 and told[0].startswith("alert Frames per second below 30 FPS")
    log = dashboard.alerts.log
    assert [log.item(row).text()[0] for row in range(log.count())] == ["✓", "✓", "▲", "▲"]
    assert dashboard.tabs.tabText(3) == "Alerts"
    assert dashboard.figures.alert.isHidden()


def test_an_alert_is_set_with_the_keyboard_and_kept(
    make_window: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    first = make_window()
    first.files.new(chain())
    panel = first.workspace.dashboard.alerts
    panel.watched.setCurrentIndex(panel.watched.findData("latency_p95_ms"))
    assert (panel.side.currentText(), panel.threshold.suffix()) == ("above", " ms")
    panel.threshold.setValue(80.0)
    qtbot.keyClick(panel.add_button, Qt.Key.Key_Space)
    qtbot.keyClick(panel.add_button, Qt.Key.Key_Space)  # the same again adds nothing
    rule = AlertRule("latency_p95_ms", "above", 80.0)
    assert panel.user_rules == [rule]
    first.close()
    second = make_window()
    second.files.new(chain())
    panel = second.workspace.dashboard.alerts
    assert panel.user_rules == [rule]
    panel.table.setCurrentItem(panel.table.topLevelItem(0))
    qtbot.keyClick(panel.remove_button, Qt.Key.Key_Space)
    assert second.preferences.alert_rules == []
