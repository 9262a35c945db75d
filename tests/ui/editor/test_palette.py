"""The palette lists every node type, finds them by words, and asks for one by mouse and keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cluster4npu.core.nodes import node_types
from cluster4npu.ui.editor.palette import NodePalette


@pytest.fixture
def palette(qtbot: QtBot) -> NodePalette:
    palette = NodePalette()
    qtbot.addWidget(palette)
    palette.resize(220, 500)
    palette.show()
    qtbot.waitExposed(palette)
    return palette


def test_lists_every_type_with_its_description(palette: NodePalette) -> None:
    assert palette.shown_types() == list(node_types())
    for item in palette._items():
        assert item.text(0)
        assert item.toolTip(0)


def test_search_finds_titles_categories_and_descriptions(palette: NodePalette) -> None:
    QTest.keyClicks(palette.search, "sources VIDEO")
    assert palette.shown_types() == ["video_file"]
    palette.search.setText("no such thing")
    assert palette.shown_types() == []
    assert palette._nothing.isVisible()
    palette.search.clear()
    assert palette.shown_types() == list(node_types())


def test_keys_lead_from_the_search_to_a_node(palette: NodePalette, qtbot: QtBot) -> None:
    palette.search.setFocus()
    QTest.keyClicks(palette.search, "infer")
    with qtbot.waitSignal(palette.node_activated, timeout=2000) as told:
        QTest.keyClick(palette.search, Qt.Key.Key_Return)
    assert told.args == ["inference"]
    palette.search.clear()
    QTest.keyClick(palette.search, Qt.Key.Key_Down)
    QTest.keyClick(palette.tree, Qt.Key.Key_Down)
    with qtbot.waitSignal(palette.node_activated, timeout=2000) as told:
        QTest.keyClick(palette.tree, Qt.Key.Key_Return)
    assert told.args == [list(node_types())[1]]


def test_a_double_click_asks_for_the_node(palette: NodePalette, qtbot: QtBot) -> None:
    item = palette._items()[0]
    place = palette.tree.visualItemRect(item).center()
    with qtbot.waitSignal(palette.node_activated, timeout=2000) as told:
        QTest.mouseClick(palette.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
        QTest.mouseDClick(palette.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert told.args == [next(iter(node_types()))]
