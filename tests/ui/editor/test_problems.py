"""The list of problems tells each in words, leads to its node, and says when there are none."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.problems import ProblemsPanel, problem_text
from cluster4npu.ui.main_window import MainWindow
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


def test_a_problem_leads_to_where_it_is_mended(window: MainWindow, qtbot: QtBot) -> None:
    nodes = tuple(
        NodeConfig(id=n.id, type="video_file", params={"path": "gone.mp4"}) if n.id == "source" else n
        for n in chain().nodes
    )
    edges = tuple(e for e in chain().edges if e.target != "count.result")
    window.files.new(chain().replace(nodes=nodes, edges=edges))
    window.activateWindow()
    workspace = window.workspace
    found = window.document.check()
    (missing,) = [p for p in found if p.node == "source" and p.field == "path"]
    assert "--set" not in problem_text(missing)
    assert "--set source.path=PATH" in missing.advice()
    listed = workspace.problems.list
    row = workspace.problems.shown().index(missing)
    listed.itemClicked.emit(listed.item(row))
    editor = workspace.properties.form.rows["path"].editor
    qtbot.waitUntil(lambda: editor.isAncestorOf(QApplication.focusWidget() or window))
    workspace.editor.canvas.node_double_clicked.emit("count")  # its input is not connected
    wires = workspace.editor.keyboard.wires
    assert wires.isVisible()
    assert "detections.detections count.result" in wires.shown()
    wires.chosen.emit("detections.detections count.result")
    wires.hide()
    assert not [p for p in window.document.check() if p.node == "count"]
