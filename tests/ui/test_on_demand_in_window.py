"""The worked example of compute on demand, run in the window from its template."""

from __future__ import annotations

import importlib.util

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.ui.main_window import MainWindow

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("skimage") is None,
    reason="needs scikit-image: pip install 'cluster4npu[vision]'",
)


def test_the_preview_shows_the_flag_and_each_node_its_rate(window: MainWindow, qtbot: QtBot) -> None:
    # In the clip, somebody comes at 4 s; without rates to wait for it is soon over.
    qtbot.mouseClick(window.start_page.cards["looking_away"], Qt.MouseButton.LeftButton)
    assert window.document.set_param("source", "loop", False) is None
    workspace = window.workspace
    seen: list[list[str]] = []
    rates: list[dict[str, float]] = []
    window.runs.bridge.preview_ready.connect(lambda frame: seen.append(workspace.preview.notes()))
    window.runs.bridge.metrics_updated.connect(
        lambda snapshot: rates.append({node.id: node.per_s for node in snapshot.nodes})
    )
    with qtbot.waitSignal(window.runs.bridge.finished, timeout=60_000):
        assert window.runs.run(RunOptions(unpaced=True))
    assert ["away: no"] in seen
    assert any(found.get("head", 0) > 0 for found in rates)
    nodes = workspace.dashboard.nodes
    assert workspace.dashboard.tabs.isTabVisible(workspace.dashboard.tabs.indexOf(nodes))
    names = [nodes.table.item(row, 0).text() for row in range(nodes.table.rowCount())]
    assert "idle: contrast" in names and "active: head" in names
