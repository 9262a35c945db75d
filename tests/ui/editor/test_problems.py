"""The list of problems tells each in words, leads to its node, and says when there are none."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cluster4npu.core.pipeline.config import EdgeConfig
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.problems import ProblemsPanel
from tests.ui.editor.pipelines import chain


def shown(qtbot: QtBot, document: Document) -> ProblemsPanel:
    panel = ProblemsPanel(document)
    qtbot.addWidget(panel)
    panel.resize(700, 200)
    panel.show()
    qtbot.waitExposed(panel)
    document.check()
    return panel


def test_says_that_there_are_none(qtbot: QtBot) -> None:
    panel = shown(qtbot, Document(chain()))
    assert panel.nothing.isVisible()
    assert not panel.list.isVisible()


def test_a_click_or_enter_leads_to_the_node(qtbot: QtBot) -> None:
    document = Document(chain())
    panel = shown(qtbot, document)
    document.disconnect_edge(document.config.edges[-1])
    document.check()
    assert "count" in panel.list.item(0).text()
    assert panel.list.item(0).text().startswith("Error")
    assert panel.list.item(1).text().startswith("Warning")
    place = panel.list.visualItemRect(panel.list.item(0)).center()
    with qtbot.waitSignal(panel.node_chosen, timeout=2000) as told:
        QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert told.args == ["count"]
    with qtbot.waitSignal(panel.node_chosen, timeout=2000):
        QTest.keyClick(panel.list, Qt.Key.Key_Return)


def test_wires_that_lead_nowhere_can_be_removed(qtbot: QtBot) -> None:
    config = chain()
    loose = EdgeConfig(source="gone.frame", target="count.result")
    document = Document(config.replace(edges=(*config.edges, loose)))
    panel = shown(qtbot, document)
    assert panel.mend.isVisible()
    panel.mend.click()
    assert document.config.edges == config.edges
    document.check()
    assert panel.nothing.isVisible()
