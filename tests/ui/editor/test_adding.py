"""Adding nodes on the main window's canvas: by search, at the end of a wire, from dropped files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cluster4npu.core.devices.model_report import ModelReport
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes import node_types
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import assets_dir
from cluster4npu.ui import theme
from cluster4npu.ui.editor.adding import MOST_DROPPED
from cluster4npu.ui.editor.editor import EnhancedPipelineEditor
from cluster4npu.ui.editor.items import OUTPUT
from cluster4npu.ui.editor.quick_add import fitting_types
from cluster4npu.ui.main_window import MainWindow
from tests.ui.editor.pipelines import chain
from tests.ui.editor.test_canvas import LEFT, assert_shown, at, drag


@pytest.fixture
def editor(window: MainWindow, qtbot: QtBot) -> EnhancedPipelineEditor:
    window.files.new(chain())
    window.activateWindow()
    for name, dock in window.workspace.docks.items():
        dock.setVisible(name in ("Palette", "Properties"))
    editor = window.workspace.editor
    editor.canvas.setFocus()
    qtbot.waitUntil(lambda: editor.canvas.hasFocus() and editor.canvas.height() > 400)
    editor.fit()
    return editor


def drop_paths(editor: EnhancedPipelineEditor, place: QPoint, *paths: Path | str) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(p)) if isinstance(p, Path) else QUrl(p) for p in paths])
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, action, data, LEFT, none)
    editor.canvas.dragEnterEvent(enter)
    assert enter.isAccepted()
    editor.canvas.dropEvent(QDropEvent(place.toPointF(), action, data, LEFT, none))


def last_node(editor: EnhancedPipelineEditor) -> tuple[str, dict[str, object]]:
    node = editor.document.config.nodes[-1]
    return node.type, dict(node.params)


def test_tab_and_letters_add_a_node(editor: EnhancedPipelineEditor, qtbot: QtBot) -> None:
    quick = editor.adding.quick_add
    QTest.keyClick(editor.canvas, Qt.Key.Key_Tab)
    assert quick.isVisible()
    assert quick.shown() == list(node_types())
    QTest.keyClicks(quick.search, "synth")
    assert quick.shown()[0] == "synthetic"
    QTest.keyClick(quick.search, Qt.Key.Key_Return)
    assert not quick.isVisible()
    assert last_node(editor)[0] == "synthetic"
    assert editor.canvas.selected_ids() == ["synthetic"]
    editor.document.undo_stack.undo()
    assert editor.document.config == chain()


def test_arrows_choose_and_escape_adds_nothing(editor: EnhancedPipelineEditor) -> None:
    quick = editor.adding.quick_add
    editor.actions_by_name["add"].trigger()
    QTest.keyClick(quick.search, Qt.Key.Key_Down)
    wanted = quick.shown()[1]
    QTest.keyClick(quick.search, Qt.Key.Key_Return)
    assert last_node(editor)[0] == wanted
    editor.document.undo_stack.undo()
    editor.search_node()
    QTest.keyClicks(quick.search, "no such thing")
    assert quick.shown() == []
    QTest.keyClick(quick.search, Qt.Key.Key_Return)
    QTest.keyClick(quick, Qt.Key.Key_Escape)
    assert not quick.isVisible()
    assert editor.document.config == chain()


def test_a_double_click_in_the_empty_opens_the_search(editor: EnhancedPipelineEditor) -> None:
    QTest.mouseDClick(editor.canvas.viewport(), LEFT, pos=QPoint(8, 8))
    assert editor.adding.quick_add.isVisible()
    editor.adding.quick_add.hide()
    QTest.mouseDClick(editor.canvas.viewport(), LEFT, pos=at(editor.canvas, "inference"))
    assert not editor.adding.quick_add.isVisible()


def test_a_wire_let_go_in_the_empty_offers_only_what_fits(editor: EnhancedPipelineEditor) -> None:
    canvas, quick = editor.canvas, editor.adding.quick_add
    start = at(canvas, "inference", "outputs")
    drag(canvas, start, start + QPoint(30, 110))
    assert quick.isVisible()
    port = canvas.items_by_id["inference"].dots[OUTPUT, "outputs"].port
    assert quick.shown() == fitting_types(port, OUTPUT)
    assert "synthetic" not in quick.shown()
    assert "detections" in quick.shown()
    QTest.keyClicks(quick.search, "classes")
    QTest.keyClick(quick.search, Qt.Key.Key_Return)
    edge = editor.document.config.edges[-1]
    assert edge.source == "inference.outputs"
    assert edge.target_node == editor.document.config.nodes[-1].id
    assert_shown(canvas, editor.document.config)
    editor.document.undo_stack.undo()
    assert editor.document.config == chain()


def test_a_wire_backwards_from_an_input(editor: EnhancedPipelineEditor) -> None:
    canvas, quick = editor.canvas, editor.adding.quick_add
    editor.add_node("preview", (600.0, 260.0))
    editor.fit()
    start = at(canvas, "preview", "frame")
    drag(canvas, start, start + QPoint(-120, 30))
    assert "video_file" in quick.shown()
    assert "inference" not in quick.shown()
    QTest.keyClicks(quick.search, "video")
    QTest.keyClick(quick.search, Qt.Key.Key_Return)
    assert editor.document.config.edges[-1].target == "preview.frame"
    assert editor.document.config.edges[-1].source == "video_file.frame"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_reason_is_shown_before_the_button_is_released(
    editor: EnhancedPipelineEditor, mode: str, qapp: QApplication
) -> None:
    theme.apply_theme(qapp, mode)
    config = editor.document.config
    free = config.replace(edges=tuple(edge for edge in config.edges if edge.target != "preprocess.frame"))
    editor.document.apply(free, "Cut")  # a wire that is there is refused as that
    canvas, view = editor.canvas, editor.canvas.viewport()
    start, wrong = at(canvas, "source", "frame"), at(canvas, "inference", "tensor")
    QTest.mouseMove(view, start)
    QTest.mousePress(view, LEFT, pos=start)
    QTest.mouseMove(view, (start + wrong) / 2)
    assert not canvas.items_by_id["inference"].inputs[0].fits
    assert canvas.items_by_id["preprocess"].inputs[0].fits
    QTest.mouseMove(view, wrong)
    assert canvas.wire_tip.isVisible()
    assert "A frame output cannot go into this input" in canvas.wire_tip.text()
    assert "Put the node 'Preprocess' between them" in canvas.wire_tip.text()
    view.grab()
    QTest.mouseMove(view, at(canvas, "preprocess", "frame"))
    assert "Let go to connect" in canvas.wire_tip.text()
    QTest.mouseMove(view, QPoint(5, 5))
    assert not canvas.wire_tip.isVisible()
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    QTest.mouseRelease(view, LEFT, pos=QPoint(5, 5))
    assert all(dot.fits for dot in canvas.items_by_id["inference"].inputs)
    assert editor.document.config == free
    theme.apply_theme(qapp, "light")


def test_dropped_files_become_configured_nodes(editor: EnhancedPipelineEditor, tmp_path: Path) -> None:
    empty = QPoint(20, editor.canvas.height() - 30)
    clip, model = assets_dir() / "digits.mp4", assets_dir() / "digits_detector.onnx"
    folder = tmp_path / "pictures"
    folder.mkdir()
    drop_paths(editor, empty, clip)
    assert last_node(editor) == ("video_file", {"path": str(clip)})
    drop_paths(editor, empty, folder)
    assert last_node(editor) == ("image_folder", {"path": str(folder)})
    drop_paths(editor, empty, model)
    assert last_node(editor) == ("inference", {"model": str(model)})
    editor.document.undo_stack.setIndex(0)
    drop_paths(editor, empty, clip, folder, model)
    assert len(editor.document.config.nodes) == 8
    editor.document.undo_stack.undo()
    assert editor.document.config == chain()


def test_a_model_dropped_on_a_node_becomes_its_model(editor: EnhancedPipelineEditor) -> None:
    model = assets_dir() / "digits_detector.onnx"
    drop_paths(editor, at(editor.canvas, "inference"), model)
    assert len(editor.document.config.nodes) == 5
    assert editor.document.config.node("inference").params["model"] == str(model)


def test_a_dropped_model_gets_the_nodes_that_it_needs(editor: EnhancedPipelineEditor, qtbot: QtBot) -> None:
    config = editor.document.config
    editor.document.apply(config.replace(nodes=config.nodes[:1], edges=()), "Keep the source")
    source = config.nodes[0].id
    model = assets_dir() / "digits_detector.onnx"
    with qtbot.waitSignal(editor.adding.models.told, timeout=30_000) as told:
        drop_paths(editor, QPoint(20, editor.canvas.height() - 30), model)
    assert "10 classes" in told.args[0] and "3 x 320 x 320" in told.args[0]
    nodes = {node.type: node for node in editor.document.config.nodes}
    assert nodes["detections"].params == {"layout": "yolov8"}
    wires = {(edge.source, edge.target) for edge in editor.document.config.edges}
    assert wires == {
        (f"{source}.frame", "preprocess.frame"),
        ("preprocess.tensor", "inference.tensor"),
        ("inference.outputs", "detections.outputs"),
    }
    assert not [
        p for p in editor.document.check() if p.severity == "error" and p.node in ("preprocess", "inference")
    ]
    editor.document.undo_stack.undo()
    assert [node.type for node in editor.document.config.nodes][1:] == ["inference"]


def test_a_dropped_file_that_is_no_model_says_so_with_its_node(
    editor: EnhancedPipelineEditor, qtbot: QtBot, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is no model " * 50)
    with qtbot.waitSignal(editor.adding.models.refused, timeout=30_000) as refused:
        drop_paths(editor, at(editor.canvas, "inference"), broken)
    assert "inference.model: " in refused.args[0] and "broken.onnx" in refused.args[0]
    assert refused.args[0] == editor.canvas._notice.text()


def test_a_flood_of_files_is_refused_and_models_are_looked_into_one_after_the_other(
    editor: EnhancedPipelineEditor, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, tmp_path: Path
) -> None:
    told: list[str] = []
    editor.adding.refused.connect(told.append)
    going, most = [0], [0]

    def look(path: Path) -> ModelReport:
        going[0] += 1
        most[0] = max(most[0], going[0])
        time.sleep(0.02)
        going[0] -= 1
        raise InputError(Problem("no model", found=path.name))

    monkeypatch.setattr("cluster4npu.ui.editor.model_look.inspect_model", look)
    models = [tmp_path / f"m{number}.onnx" for number in range(MOST_DROPPED + 1)]
    for model in models:
        model.touch()
    before = editor.document.config
    drop_paths(editor, QPoint(20, 20), *models)
    assert "too many files at once" in told[-1] and editor.document.config == before
    drop_paths(editor, QPoint(20, 20), *models[:5])
    qtbot.waitUntil(lambda: sum("no model" in text for text in told) == 5)
    assert most == [1]


def test_what_no_node_works_with_is_refused(editor: EnhancedPipelineEditor, tmp_path: Path) -> None:
    for name, told in (
        ("cat.jpg", "Drop the folder"),
        ("letter.docx", "no node works with such a file"),
        ("missing.mp4", "no file or folder of this machine"),
        ("https://example.com/clip.mp4", "no file or folder of this machine"),
    ):
        path = tmp_path / name
        if "://" not in name and not name.startswith("missing"):
            path.write_bytes(b"x")
        editor.canvas._notice.setText("")
        drop_paths(editor, QPoint(20, 20), name if "://" in name else path)
        assert told in editor.canvas._notice.text(), name
        assert editor.document.config == chain()


def test_a_dropped_pipeline_is_opened_or_refused_and_nothing_is_lost(
    editor: EnhancedPipelineEditor, window: MainWindow, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    drop_paths(editor, QPoint(20, 20), bad)
    assert "not a pipeline file" in window.messages.text()
    assert editor.document.config == chain()
    good = tmp_path / "good.json"
    PipelineConfig(name="Good").save(good)
    drop_paths(editor, QPoint(20, 20), good)
    assert window.document.config.name == "Good"
