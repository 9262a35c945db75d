"""Everything by keys: the command palette, the list of shortcuts, from node to node, wires without a mouse."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from cluster4npu.core.pipeline.config import EdgeConfig, PipelineConfig
from cluster4npu.ui.command_palette import ShortcutList, commands
from cluster4npu.ui.editor.keyboard import possible_wires
from cluster4npu.ui.main_window import MainWindow
from tests.ui.editor.pipelines import chain

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def open_window(window: MainWindow, qtbot: QtBot) -> MainWindow:
    window.files.new(chain())
    window.activateWindow()
    window.workspace.editor.canvas.setFocus()
    qtbot.waitUntil(window.workspace.editor.canvas.hasFocus)
    return window


def test_the_palette_runs_what_is_typed(open_window: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(open_window.workspace.editor.canvas, Qt.Key.Key_P, CTRL | SHIFT)
    popup = open_window.command_palette.popup
    qtbot.waitUntil(popup.isVisible)
    QTest.keyClicks(popup.search, "add count")
    popup.grab()
    QTest.keyClick(popup.search, Qt.Key.Key_Return)
    assert not popup.isVisible()
    assert open_window.document.config.nodes[-1].id == "count2"
    open_window.command_palette.open()
    QTest.keyClicks(popup.search, "go to inference")
    QTest.keyClick(popup.search, Qt.Key.Key_Return)
    assert open_window.workspace.editor.canvas.selected_ids() == ["inference"]
    open_window.command_palette.open()
    QTest.keyClicks(popup.search, "history")
    QTest.keyClick(popup.search, Qt.Key.Key_Return)
    assert open_window.actions_by_name["history"].isChecked()
    open_window.command_palette.open()
    QTest.keyClicks(popup.search, "arrange")
    QTest.keyClick(popup.search, Qt.Key.Key_Return)
    assert open_window.stack.currentWidget() is open_window.workspace


def test_every_action_is_in_the_palette_and_no_key_has_two_meanings(open_window: MainWindow) -> None:
    found = commands(open_window)
    titles = {c.title for c in found}
    for action in open_window.workspace.editor.actions_by_name.values():
        assert action.text().replace("&", "") in titles
    keys = [key for c in found if c.keys for key in c.keys.split(" or ")]
    assert sorted(keys) == sorted(set(keys))


def test_the_keys_are_listed_and_can_be_searched(open_window: MainWindow) -> None:
    open_window.actions_by_name["shortcuts"].trigger()
    dialog = open_window.dialog
    assert isinstance(dialog, ShortcutList)
    rows = range(dialog.table.rowCount())
    assert len(rows) > 40
    dialog.search.setText("ctrl+shift+p")
    shown = [row for row in rows if not dialog.table.isRowHidden(row)]
    assert len(shown) == 1
    dialog.grab()
    dialog.reject()


def test_a_whole_pipeline_without_a_mouse(open_window: MainWindow) -> None:
    """Remove the wires of a node and make them anew, going from node to node by keys."""
    canvas = open_window.workspace.editor.canvas
    wires = open_window.workspace.editor.keyboard.wires
    QTest.keyClick(canvas, Qt.Key.Key_Right, CTRL)
    assert canvas.selected_ids() == ["source"]
    for wanted in ("preprocess", "inference", "detections"):
        QTest.keyClick(canvas, Qt.Key.Key_Right, CTRL)
        assert canvas.selected_ids() == [wanted]
    QTest.keyClick(canvas, Qt.Key.Key_Left, CTRL)
    assert canvas.selected_ids() == ["inference"]
    QTest.keyClick(canvas, Qt.Key.Key_W, SHIFT)
    assert wires.shown() == ["preprocess.tensor inference.tensor", "inference.outputs detections.outputs"]
    QTest.keyClick(wires.search, Qt.Key.Key_Down)
    QTest.keyClick(wires.search, Qt.Key.Key_Return)
    assert len(open_window.document.config.edges) == 3
    QTest.keyClick(canvas, Qt.Key.Key_W)
    QTest.keyClicks(wires.search, "detections.out")
    QTest.keyClick(wires.search, Qt.Key.Key_Return)
    assert open_window.document.config.edges[-1] == EdgeConfig(
        source="inference.outputs", target="detections.outputs"
    )
    open_window.document.undo_stack.setIndex(0)
    assert open_window.document.config == chain()


def test_what_cannot_be_done_by_keys_is_told(open_window: MainWindow) -> None:
    canvas = open_window.workspace.editor.canvas
    canvas.select(())
    QTest.keyClick(canvas, Qt.Key.Key_W)
    assert "Select one node first" in canvas._notice.text()
    canvas.select(["source"])
    open_window.document.disconnect_edge(open_window.document.config.edges[0])
    canvas.select(["count"])
    QTest.keyClick(canvas, Qt.Key.Key_W)
    assert canvas._notice.text() == "No free port fits those of count."
    QTest.keyClick(canvas, Qt.Key.Key_Right, CTRL)
    assert canvas.selected_ids() == ["count"]
    assert possible_wires(PipelineConfig(nodes=chain().nodes), "source") == [
        EdgeConfig(source="source.frame", target="preprocess.frame")
    ]


def test_return_goes_to_the_properties_and_the_edit_menu_follows_the_page(
    open_window: MainWindow, qtbot: QtBot
) -> None:
    canvas = open_window.workspace.editor.canvas
    canvas.select(["source"])
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: isinstance(QApplication.focusWidget(), QLineEdit))
    assert open_window.workspace.properties.isAncestorOf(QApplication.focusWidget())
    menu = open_window.actions_by_name.edit_menu
    open_window.actions_by_name.edit_menu.aboutToShow.emit()
    bypass = open_window.workspace.editor.actions_by_name["bypass"]
    assert bypass in menu.actions()
    open_window.show_start_page()
    menu.aboutToShow.emit()
    assert bypass not in menu.actions()
