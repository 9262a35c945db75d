"""Clipboard, bypass, comments and groups, aligning, overview: on the real main window, by its keys, with undo."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog
from pytestqt.qtbot import QtBot

from cluster4npu.core.pipeline.config import BoxConfig, PipelineConfig
from cluster4npu.ui.editor.align import KINDS, aligned
from cluster4npu.ui.editor.editor import EnhancedPipelineEditor
from cluster4npu.ui.editor.properties import BYPASS
from cluster4npu.ui.main_window import MainWindow
from tests.ui.editor.pipelines import chain
from tests.ui.editor.test_canvas import LEFT, assert_shown, drag

CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


@pytest.fixture
def editor(window: MainWindow, qtbot: QtBot) -> EnhancedPipelineEditor:
    """The editor of the main window, on a chain of five nodes."""
    window.files.new(chain())
    window.activateWindow()
    editor = window.workspace.editor
    editor.fit()
    editor.canvas.setFocus()
    qtbot.waitUntil(lambda: editor.canvas.hasFocus())
    return editor


def key(editor: EnhancedPipelineEditor, which: Qt.Key, held: Qt.KeyboardModifier | None = None) -> None:
    QTest.keyClick(editor.canvas, which, held or Qt.KeyboardModifier.NoModifier)


def undo_all(editor: EnhancedPipelineEditor) -> None:
    editor.document.undo_stack.setIndex(0)
    assert editor.document.config == chain()
    assert_shown(editor.canvas, chain())
    assert not editor.canvas.boxes.items


NO_PIPELINES = (
    "",
    "hello",
    "{",
    "[1, 2]",
    "null",
    "\x00\ud800",
    '{"version": 1, "nodes": [{"id": "a b", "type": "count"}]}',
    '{"version": 99}',
    '{"version": 1, "nodes": ' + "[" * 5000,
    '{"version": 1, "nodes": [{"id": "a", "type": "count", "position": [NaN, 1]}]}',
    "<b>" + "x" * 200_000,
)


def test_any_other_text_on_the_clipboard_is_refused_with_the_reason(editor: EnhancedPipelineEditor) -> None:
    notice = editor.canvas._notice
    for text in NO_PIPELINES:
        notice.setText("")
        notice.hide()
        QGuiApplication.clipboard().setText(text)
        key(editor, Qt.Key.Key_V, CTRL)
        assert editor.document.config == chain(), text[:80]
        assert not editor.document.undo_stack.canUndo()
        assert notice.isVisible()
        assert notice.text().startswith("Nothing was pasted: ")
        assert len(notice.text()) < 700


def test_an_endless_text_on_the_clipboard_is_refused_at_once(editor: EnhancedPipelineEditor) -> None:
    QGuiApplication.clipboard().setText("[" * 20_000_000)
    begun = time.thread_time()
    editor.paste()
    assert time.thread_time() - begun < 1  # of which Qt takes most to hand the text over; it is not read
    QGuiApplication.clipboard().clear()
    assert "too much at once" in editor.canvas._notice.text()
    assert editor.document.config == chain()


def test_a_pasted_box_that_is_too_small_is_refused(editor: EnhancedPipelineEditor) -> None:
    QGuiApplication.clipboard().setText('{"version": 1, "boxes": [{"id": "a", "size": [0, -3]}]}')
    key(editor, Qt.Key.Key_V, CTRL)
    assert "size" in editor.canvas._notice.text()
    assert editor.document.config == chain()


def test_copy_cut_paste_and_duplicate_by_keys(editor: EnhancedPipelineEditor) -> None:
    canvas, document = editor.canvas, editor.document
    canvas.select(["detections", "count"])
    key(editor, Qt.Key.Key_C, CTRL)
    key(editor, Qt.Key.Key_V, CTRL)
    assert canvas.selected_ids() == ["detections2", "count2"]
    assert document.config.edges[-1].source == "detections2.detections"
    key(editor, Qt.Key.Key_X, CTRL)
    assert "count2" not in canvas.items_by_id
    key(editor, Qt.Key.Key_V, CTRL)
    key(editor, Qt.Key.Key_D, CTRL)
    assert len(document.config.nodes) == 9
    assert_shown(canvas, document.config)
    undo_all(editor)


def test_bypass_is_told_shown_saved_and_undone(
    editor: EnhancedPipelineEditor, window: MainWindow, qtbot: QtBot
) -> None:
    editor.canvas.select(["count"])
    key(editor, Qt.Key.Key_B, CTRL)
    assert editor.document.config.node("count").bypassed
    assert editor.canvas.items_by_id["count"].footer == ("bypassed", "bypassed")
    assert "writes nothing" in editor.canvas._notice.text()
    assert "writes nothing" in editor.canvas.items_by_id["count"].toolTip()
    row = window.workspace.properties.form.rows[BYPASS]
    assert row.editor.box.isChecked()  # type: ignore[attr-defined]
    row.editor.box.click()  # type: ignore[attr-defined]
    assert not editor.document.config.node("count").bypassed
    editor.canvas.select(["preprocess"])
    key(editor, Qt.Key.Key_B, CTRL)
    qtbot.waitUntil(lambda: any(p.node == "inference" for p in editor.document.problems))
    undo_all(editor)


def test_a_group_takes_its_nodes_along_in_one_step(editor: EnhancedPipelineEditor) -> None:
    canvas, document = editor.canvas, editor.document
    canvas.select(["source", "preprocess"])
    key(editor, Qt.Key.Key_G, CTRL)
    (box,) = document.config.boxes
    canvas.select(())
    canvas.fit()
    before = {n.id: n.position for n in document.config.nodes}
    head = canvas.mapFromScene(QPointF(box.position[0] + 60, box.position[1] + 12))
    drag(canvas, head, head + QPoint(0, 40))
    moved = {n.id for n in document.config.nodes if n.position != before[n.id]}
    assert moved == {"source", "preprocess"}
    (after,) = document.config.boxes
    assert after.position[1] > box.position[1]
    assert document.config.node("source").position[1] == pytest.approx(
        after.position[1] - box.position[1], abs=0.2
    )
    document.undo_stack.undo()
    assert {n.id: n.position for n in document.config.nodes} == before
    corner = QPointF(box.position[0] + box.size[0] - 6, box.position[1] + box.size[1] - 6)
    start = canvas.mapFromScene(corner)
    drag(canvas, start, start + QPoint(30, 20))
    assert document.config.boxes[0].size > box.size
    assert document.config.boxes[0].position == box.position
    canvas.boxes.select(["box"])
    key(editor, Qt.Key.Key_Delete)
    assert document.config.boxes == ()
    assert len(document.config.nodes) == 5
    undo_all(editor)


def test_a_comment_is_written_and_kept_in_the_file(editor: EnhancedPipelineEditor, qtbot: QtBot) -> None:
    key(editor, Qt.Key.Key_C)
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, QInputDialog)
    dialog.setTextValue("<b>To do</b>\nAsk for a better clip")
    dialog.accept()
    (box,) = editor.document.config.boxes
    assert box.text.startswith("<b>To do</b>")
    assert editor.canvas.boxes.items["box"].title == "<b>To do</b>"
    again = PipelineConfig.parse(editor.document.config.text())
    assert again.boxes == (box,)
    key(editor, Qt.Key.Key_F2)
    other = QApplication.activeModalWidget()
    assert isinstance(other, QInputDialog)
    other.setTextValue("x" * 5000)
    other.accept()
    assert editor.document.config.boxes == (box,)
    assert editor.canvas._notice.isVisible()
    key(editor, Qt.Key.Key_Right)
    assert editor.document.config.boxes[0].position[0] == box.position[0] + 12
    undo_all(editor)


def test_boxes_in_files_are_checked() -> None:
    box = BoxConfig(id="box")
    with pytest.raises(ValueError, match="two boxes"):
        PipelineConfig(boxes=(box, box))
    assert "boxes" not in chain().text()


@pytest.mark.parametrize("kind", KINDS)
def test_aligning(kind: str) -> None:
    rects = {
        "a": ((0.0, 0.0), (100.0, 50.0)),
        "b": ((150.0, 20.0), (60.0, 90.0)),
        "c": ((400.0, 300.0), (80.0, 40.0)),
    }
    places = aligned(rects, kind)
    axis = 0 if kind in ("left", "right", "center", "columns") else 1
    assert {n: p[1 - axis] for n, p in places.items()} == {n: r[0][1 - axis] for n, r in rects.items()}
    starts = [places[n][axis] for n in rects]
    ends = [places[n][axis] + rects[n][1][axis] for n in rects]
    if kind in ("left", "top"):
        assert set(starts) == {0.0}
    elif kind in ("right", "bottom"):
        assert set(ends) == {480.0 if axis == 0 else 340.0}
    elif kind in ("center", "middle"):
        assert len({round(a + b, 6) for a, b in zip(starts, ends, strict=True)}) == 1
    else:
        assert starts[1] - ends[0] == pytest.approx(starts[2] - ends[1])


def test_align_by_keys_is_one_step(editor: EnhancedPipelineEditor) -> None:
    editor.canvas.select(["source"])
    key(editor, Qt.Key.Key_Up, CTRL | SHIFT)
    assert "at least two" in editor.canvas._notice.text()
    editor.document.move_nodes({"source": (0.0, 77.0)})
    editor.select_all()
    key(editor, Qt.Key.Key_Up, CTRL | SHIFT)
    assert {n.position[1] for n in editor.document.config.nodes} == {0.0}
    assert editor.document.undo_stack.undoText() == "Align nodes"
    key(editor, Qt.Key.Key_H, CTRL | ALT)
    undo_all(editor)


def test_the_overview_shows_what_is_out_of_view_and_leads_there(
    editor: EnhancedPipelineEditor, window: MainWindow, qtbot: QtBot
) -> None:
    canvas = editor.canvas
    window.workspace.docks["Dashboard"].hide()
    qtbot.waitUntil(lambda: canvas.height() > 300)
    canvas.fit()
    assert not canvas.minimap.isVisible()
    canvas.zoom_by(3.0)
    assert canvas.minimap.isVisible()
    before = canvas.middle()
    qtbot.mouseClick(canvas.minimap, LEFT, pos=QPoint(12, 65))
    assert canvas.middle()[0] < before[0]
    canvas.minimap.grab()
    key(editor, Qt.Key.Key_M)
    assert not canvas.minimap.isVisible()
    key(editor, Qt.Key.Key_0, CTRL)
    assert canvas.transform().m11() == pytest.approx(1.0)
    editor.canvas.select(["count"])
    key(editor, Qt.Key.Key_F, SHIFT)
    assert canvas.middle()[0] > 1000
