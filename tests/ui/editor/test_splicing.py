"""Nodes come into wires: dropped on one, by a double click, by keys; and are found again on a large canvas."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cluster4npu.core.pipeline.config import EdgeConfig, PipelineConfig
from cluster4npu.ui import theme
from cluster4npu.ui.editor.dropping import NODE_MIME
from cluster4npu.ui.editor.editor import EnhancedPipelineEditor
from cluster4npu.ui.main_window import MainWindow
from tests.ui.editor.pipelines import chain
from tests.ui.editor.test_canvas import LEFT, assert_shown, drag

FRAMES = EdgeConfig(source="source.frame", target="preprocess.frame")


@pytest.fixture
def editor(window: MainWindow, qtbot: QtBot) -> EnhancedPipelineEditor:
    window.files.new(chain())
    for name, dock in window.workspace.docks.items():
        dock.setVisible(name == "Palette")
    editor = window.workspace.editor
    wide = window.width() - window.workspace.docks["Palette"].width() - 60  # the panels beside it are gone
    qtbot.waitUntil(lambda: editor.canvas.width() > wide and not editor._fit_wanted)
    editor.fit()
    return editor


def middle(editor: EnhancedPipelineEditor, edge: EdgeConfig) -> QPoint:
    """Return the middle of a wire in the viewport."""
    place: QPoint = editor.canvas.mapFromScene(editor.canvas.wires[edge].path().pointAtPercent(0.5))
    return place


def wires(config: PipelineConfig) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in config.edges}


def assert_inserted(editor: EnhancedPipelineEditor, node: str) -> None:
    """The node is in the wire, nothing is covered, and one step of undo takes it out again."""
    config, canvas = editor.document.config, editor.canvas
    assert (FRAMES.source, FRAMES.target) not in wires(config)
    assert {(FRAMES.source, f"{node}.frame"), (f"{node}.frame", FRAMES.target)} <= wires(config)
    assert_shown(canvas, config)
    new = canvas.items_by_id[node].sceneBoundingRect()
    others = [item for name, item in canvas.items_by_id.items() if name != node]
    assert not any(new.intersects(item.sceneBoundingRect()) for item in others)
    editor.document.undo_stack.undo()


def test_a_type_of_the_palette_comes_into_the_wire_that_it_is_dropped_on(
    editor: EnhancedPipelineEditor,
) -> None:
    canvas, place = editor.canvas, middle(editor, FRAMES)
    data = QMimeData()
    data.setData(NODE_MIME, b"contrast_stretch")
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    canvas.dragEnterEvent(QDragEnterEvent(place, action, data, LEFT, none))
    canvas.dragMoveEvent(QDragMoveEvent(place, action, data, LEFT, none))
    assert canvas.wires[FRAMES].look[0], "the wire that it would come into stands out"
    canvas.dropEvent(QDropEvent(place.toPointF(), action, data, LEFT, none))
    assert_inserted(editor, "contrast_stretch")
    assert editor.document.config == chain()

    data.setData(NODE_MIME, b"detections")  # does not fit there: it only stands there
    canvas.dropEvent(QDropEvent(place.toPointF(), action, data, LEFT, none))
    assert wires(editor.document.config) == wires(chain())
    assert editor.document.config.nodes[-1].type == "detections"


def test_a_node_that_is_dragged_onto_a_wire_comes_into_it(editor: EnhancedPipelineEditor) -> None:
    canvas = editor.canvas
    editor.add_node("contrast_stretch", (0.0, 300.0))
    editor.document.check()  # it says now that it is not wired, and is larger for that
    before = editor.document.config
    editor.fit()
    item = canvas.items_by_id["contrast_stretch"]
    grip = canvas.mapFromScene(item.sceneBoundingRect().topLeft() + QPointF(40.0, 20.0))
    drag(canvas, grip, grip + middle(editor, FRAMES) - canvas.mapFromScene(item.sceneBoundingRect().center()))
    assert_inserted(editor, "contrast_stretch")
    assert editor.document.config == before


def test_a_double_click_or_a_key_asks_what_comes_into_the_wire(editor: EnhancedPipelineEditor) -> None:
    canvas, quick = editor.canvas, editor.adding.quick_add
    QTest.mouseDClick(canvas.viewport(), LEFT, pos=middle(editor, FRAMES))
    assert "contrast_stretch" in quick.shown() and "detections" not in quick.shown()
    QTest.keyClicks(quick.search, "contrast")
    QTest.keyClick(quick.search, Qt.Key.Key_Return)
    assert_inserted(editor, "contrast_stretch")

    canvas.select(["preprocess"])
    editor.actions_by_name["insert"].trigger()
    chosen = editor.keyboard.wires
    assert set(chosen.shown()) == {f"{e.source} {e.target}" for e in chain().edges if "preprocess" in str(e)}
    QTest.keyClicks(chosen.search, "source.frame")
    QTest.keyClick(chosen.search, Qt.Key.Key_Return)
    QTest.keyClicks(quick.search, "contrast")
    QTest.keyClick(quick.search, Qt.Key.Key_Return)
    assert_inserted(editor, "contrast_stretch")


def test_nodes_and_comments_are_found(editor: EnhancedPipelineEditor) -> None:
    document, canvas, popup = editor.document, editor.canvas, editor.finding.popup
    document.rename("inference", "Traffic lights")
    box = document.add_box("Night only\nNot by day", (9000.0, 9000.0), (300.0, 100.0))
    editor.actions_by_name["find"].trigger()
    QTest.keyClicks(popup.search, "traffic")
    assert popup.shown()[0] == "node inference"
    QTest.keyClick(popup.search, Qt.Key.Key_Return)
    assert canvas.selected_ids() == ["inference"]
    editor.actions_by_name["find"].trigger()
    QTest.keyClicks(popup.search, "by day")
    QTest.keyClick(popup.search, Qt.Key.Key_Return)
    assert canvas.boxes.selected_ids() == [box] and not canvas.selected_ids()
    seen = canvas.mapToScene(canvas.viewport().rect()).boundingRect()
    assert seen.contains(QPointF(9150.0, 9050.0))


def test_kept_pictures_of_nodes_follow_the_theme(editor: EnhancedPipelineEditor, qapp: QApplication) -> None:
    """During a run nodes keep their pictures: those of a light window in a dark one could not be overlooked."""
    canvas = editor.canvas
    body = canvas.mapFromScene(canvas.items_by_id["count"].sceneBoundingRect().center() + QPointF(0.0, 25.0))
    canvas.keep_pictures(True)
    for mode in ("light", "dark", "light"):
        theme.apply_theme(qapp, mode)
        assert canvas.grab().toImage().pixelColor(body) == QColor(theme.colors().raised)


def test_a_wire_that_is_there_is_told_before_it_is_drawn_again(editor: EnhancedPipelineEditor) -> None:
    assert editor._judge(FRAMES, ()) == "This wire is there already."
    assert editor._judge(FRAMES, (FRAMES,)) == ""
